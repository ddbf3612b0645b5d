"""A ready ONNX network as a torch module, so that it can be quantized, looked at layer by layer and exported like ours.

``convert.as_torch`` is the way in. ``graph`` reads the file, ``joining`` puts
together what exporters write out, ``operators`` says who makes a module of which operator
(``layers``, ``elementwise``, ``shapes``, ``resize``, ``pooling``, ``reduce``), ``network`` runs them in order and
``selfcheck`` proves that the conversion answers as ONNX Runtime does.
"""
