"""compress: from a trained camera network to a signed, measured build for a device."""

__version__ = "0.1.0"
