"""The parts of ``low_light.py`` beside this folder: methods, students over seeds, ablations, their table and plot."""
