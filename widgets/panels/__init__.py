"""The panels around the canvas. Each shows one thing of the application and asks it for changes; none stores any."""
