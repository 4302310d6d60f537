"""Floor 2: what is remembered: tables, migrations, repositories, reading the bills."""
