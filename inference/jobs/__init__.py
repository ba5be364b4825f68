"""One file a job: a frozen request and `run(request, context)`."""
