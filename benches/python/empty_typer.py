"""The smallest command line of two commands."""

import typer

app = typer.Typer()


@app.command()
def one() -> None:
    """Do one thing."""


@app.command()
def two() -> None:
    """Do another."""


if __name__ == "__main__":
    app()
