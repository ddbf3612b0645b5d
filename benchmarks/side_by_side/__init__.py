"""INT8 by compress and by its peers on one student: one file a peer, the rest measures and prints.

``peers.py`` beside this folder is the command. Peers get the same float network, the same calibration pictures and
the same test pictures; each is called as its documentation recommends, first on the whole graph, then with our float
islands left out by its own option.
"""
