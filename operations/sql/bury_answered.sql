-- Target. Takes the answer to a row that the source does not have any more, if it is still the same; whether it was.
SELECT bury_answered(:id, :epoch, :partition, :offset, :attempt) AS gone
