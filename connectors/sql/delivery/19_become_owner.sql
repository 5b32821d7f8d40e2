-- From here on everything is made by, and so belongs to, the owner role.
SET LOCAL ROLE cargostream_owner;
