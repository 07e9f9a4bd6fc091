"""Scoring: from readings to anomalies, by the same code on devices and on the bus.

``preparation`` fixes what is made of readings before a model sees them, ``windows`` does it reading
by reading, ``model`` runs the ONNX graph, ``slot`` swaps it while it is in use, ``alarm`` turns
scores into anomalies, and ``scorer`` puts them together for one device. NumPy and onnxruntime only.
"""
