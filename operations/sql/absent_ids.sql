-- Source. Those of the given ids that are no row's.
SELECT count(*) AS ids FROM unnest(CAST(:ids AS bigint[])) AS given(id)
 WHERE NOT EXISTS (SELECT FROM cargo WHERE cargo.id = given.id)
