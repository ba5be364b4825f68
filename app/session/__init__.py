"""What goes on between a person and the models while something is being made. No widgets."""
