//! The one thread: coroutines, clock, inboxes, sockets. The only place that knows may and libc.
