"""What a user writes, as named tuples: recipes, gitexp.toml, contracts, cards, expected results. Opens nothing.

`recipe` is a resolved recipe and its origins, `config` gitexp.toml, `catalogue` its datasets, `card` what a component
says of itself, `trained` what the training program made known of a recipe.
"""
