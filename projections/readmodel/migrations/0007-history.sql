-- A station's history is read in pages, by offset and partition (recording.LIST_INDEXES makes the index record_history).
DROP INDEX IF EXISTS record_station_at;
