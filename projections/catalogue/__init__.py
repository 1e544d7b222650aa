"""The catalogue of the bulk files, in the words of the standards that portals harvest.

In     the manifest of a cut, and the definition
Does   facts.py has what is known of each dataset; dcat.py, turtle.py, ckan.py, data_package.py, schema_org.py and sitemap.py
       write it down
Out    documents beside the files of a cut (consumers/exporter/writing.py) and answers of the API (api/catalogue/)
"""
