"""The application without a screen: projects, documents, formats, settings, command line. Imports no QtWidgets."""
