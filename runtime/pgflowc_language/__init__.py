"""What the compiler and the runtime both know of the spec language: its words, names, times and types.

Specs are read by `pgflowc` from texts, definitions by `pgflowc_runtime.definitions` from data; a rule that
needs to know of neither is here, once. Pure, and light: only the standard library, others when they are used.
"""
