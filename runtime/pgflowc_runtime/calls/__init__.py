"""What the methods of `Client` and `AsyncClient` do, each written once as a `Call`.

One module per kind: starting runs, looking at what there is, changing it.
"""
