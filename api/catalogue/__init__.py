"""The catalogue over HTTP: DCAT, Data Package, schema.org and sitemap (routes.py), and CKAN's action API (ckan.py)."""
