"""Do all builds of a network compute the same picture, and if not, from which layer on?"""
