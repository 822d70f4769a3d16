"""What the report pages of the jobs share: their look, their bars, the figure, a query as it is
shown. A page is one file: no script, nothing fetched, whatever text it shows escaped.
"""
