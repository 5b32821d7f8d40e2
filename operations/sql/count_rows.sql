-- Source or target. Rows of the table `cargo`, counted.
SELECT count(*) AS rows FROM cargo
