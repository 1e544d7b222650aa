"""What every process needs: settings, log lines, metrics, and connections to Kafka, PostgreSQL, files and other servers.

In     environment variables, files, the addresses of Kafka and PostgreSQL
Does   reads each once, with limits, and names faults in a sentence
Out    settings, packages, connected clients

Errors (besides those of the libraries: KafkaError, asyncpg's, OSError):

    OutsideError                errors.py                something outside this program is not as needed
      SettingsError             settings.py              a setting is missing or invalid (also a ValueError)
      LibraryChangedError       foreign_libraries.py     a library has no attribute that is patched or used
      KeyFileError              files/key_files.py       a file of keys cannot be used
      NotOwnError               files/own_files.py       another user could have written a file (also an OSError)
      NotAFileError             files/files_below.py     no regular file, or behind a link (also a FileNotFoundError)
      TileStoreError            files/tile_store.py      a file of a transparency log cannot be used
        NoAccessError           files/tile_store.py      a file cannot be read or written
        RewriteError            files/tile_store.py      a tile would be written with other bytes
      PackageError              package/errors.py        an election package is wrong (also a ValueError)
        UnreadablePackageError  package/errors.py        an election package cannot be read
      WrongWidthError           package/rows.py          a row of a table has too few or too many cells (also a ValueError)
      TooManyRowsError          tables/xlsx_table.py     a table does not fit into the sheets of a spreadsheet
      TopicMismatchError        kafka/wanted_topics.py   a topic is not as the election needs it
      SealError                 kafka/seals.py           a message is not believed
      AddressError              http_client.py           an address or proxy cannot be used (also a ValueError)
      AwayError                 http_client.py           a request got no answer that fits
      LogSourceError            log_source.py            a transparency log cannot be read

Read next: settings.py, kafka/topics.py, kafka/clients.py, postgres.py, package/, files/, tables/.
"""
