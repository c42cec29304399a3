"""Training recipes that are made of components: `python -m gitexp.training` trains what a run folder's recipe says.

The only room that imports torch. It runs in the project's own interpreter, which may lack gitexp's dependencies:
nothing here needs more than the standard library, torch and numpy, and of gitexp only what is written likewise.

    slots.py          what each component must be and do
    data.py           rows in memory, and batches of them in an order that the seed alone decides
    loop.py           the training itself: when what is due is in schedule.py, where it stands in state.py
    testing.py        substitutes and checks for tests of a component alone
"""
