-- Target. Takes a row that the source does not have any more from the mirror, if it is still the same; whether it was.
SELECT bury_mirrored(:id, :epoch, :partition, :offset) AS gone
