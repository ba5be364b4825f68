"""The worker: one mailbox, three runners (inline, QThread, child process)."""
