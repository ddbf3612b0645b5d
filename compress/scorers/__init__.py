"""Who says how a picture is lit: an encoder of pictures and prompts, frozen, behind one interface."""
