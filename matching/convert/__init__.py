"""Turns published weights into ONNX files, once, when Homeward is installed: `python -m matching.convert`.

Nothing else imports this package. Its sources are files of installed packages, each known by its SHA-256.
"""
