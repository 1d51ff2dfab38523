-- Its twin lets Postgres compare rows with the scope of whoever reads. SQLite has nothing of the kind: there the filters of
-- src/store/read/predicate.rs stand alone.
SELECT 1;
