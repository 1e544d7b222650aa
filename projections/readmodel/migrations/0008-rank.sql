-- The column has the name of what it holds: StationOrder.rank. Indexes and the primary key follow by themselves, and no row is
-- written, so the rows that are stored stay valid and the recorder continues from its positions.
ALTER TABLE station_result RENAME COLUMN place TO rank;
