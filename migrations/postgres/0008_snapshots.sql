-- Its twin changes how SQLite stores this table; here an index never held the states.
SELECT 1;
