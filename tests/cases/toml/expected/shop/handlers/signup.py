"""Handlers of flow `signup`.

This file is yours: pgflowc only appends stubs for new steps.
"""

from pgflowc_runtime import Context

from shop._generated.signup import (
    CreateUserOutput,
    SignupInput,
    WelcomeDeps,
    WelcomeOutput,
)


async def create_user(
    input: SignupInput,
    ctx: Context[SignupInput],
) -> CreateUserOutput:
    raise NotImplementedError("write step 'create_user' of flow 'signup'")


async def welcome(deps: WelcomeDeps, ctx: Context[SignupInput]) -> WelcomeOutput:
    raise NotImplementedError("write step 'welcome' of flow 'signup'")
