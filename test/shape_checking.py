"""The checker that jaxtyping applies to every annotated function of neurok_model while the tests run."""

from beartype import BeartypeConf, beartype

# PEP 484 lets an int stand where a float is asked for; beartype does only when told to.
check = beartype(conf=BeartypeConf(is_pep484_tower=True))
