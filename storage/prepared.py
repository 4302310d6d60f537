"""Statements of the hottest path, whose SQL and conversions are made once."""

from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy import Connection, Insert, Select, Update
from sqlalchemy.engine import Dialect
from sqlalchemy.exc import DBAPIError

_Statement = Insert | Select[Any] | Update
_Values = Mapping[str, Any]
_Made = tuple[str, Callable[[_Values], Any]]
_NOTHING: _Values = {}


class Prepared:
    """A Core statement that runs on the driver's own cursor, in the connection's transaction.

    ``Connection.execute`` works out the SQL, the conversions and the result's columns at every call, which takes
    several times as long as SQLite does. Every press writes an audit entry.
    """

    def __init__(self, statement: _Statement) -> None:
        self._statement = statement
        self._made: dict[str, _Made] = {}

    def run(self, connection: Connection, values: _Values = _NOTHING) -> Any:
        """Runs it and returns the first row, None when there is none. Raises SQLAlchemy's errors.

        ``values`` are by the names of its parameters, or of an insert's columns. The row is the driver's: for
        words and numbers, not for times or JSON.
        """
        dialect = connection.dialect
        made = self._made.get(dialect.name)
        if made is None:
            made = self._made[dialect.name] = _make(self._statement, dialect)
        sql, given = made
        cursor = connection.connection.cursor()
        try:
            cursor.execute(sql, given(values))
            return cursor.fetchone() if cursor.description else None
        except dialect.loaded_dbapi.Error as error:
            raise DBAPIError.instance(
                sql, None, error, dialect.loaded_dbapi.Error, dialect=dialect
            ) from error
        finally:
            cursor.close()


def _make(statement: _Statement, dialect: Dialect) -> _Made:
    compiled: Any = statement.compile(dialect=dialect)
    if compiled.insert_prefetch or compiled.update_prefetch:
        raise ValueError("a column's default is filled in by Connection.execute alone")
    fixed = {name: bind.value for name, bind in compiled.binds.items() if not bind.required}
    names = compiled.positiontup if compiled.positional else list(compiled.binds)
    kinds = {name: compiled.binds[name].type.dialect_impl(dialect) for name in names}
    converted = [(name, kinds[name].bind_processor(dialect)) for name in names]

    def given(values: _Values) -> list[Any]:
        all_of = {**fixed, **values}
        return [
            all_of[name] if convert is None else convert(all_of[name])
            for name, convert in converted
        ]

    if compiled.positional:
        return str(compiled), given
    return str(compiled), lambda values: dict(zip(names, given(values), strict=True))
