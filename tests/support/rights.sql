-- Every right that a role which is no superuser and not the owner has in this database, whoever gave it, as
-- (role, right, kind, object). A right that PUBLIC has is listed once, for PUBLIC. What Postgres itself gives to PUBLIC
-- on its own catalogs is left out, but for what writes. An object that nobody has a right on is there once, for nobody.
WITH who AS (
  SELECT oid, rolname::text AS name FROM pg_roles
   WHERE NOT rolsuper AND rolname !~ '^pg_' AND rolname <> 'cargostream_owner'
  UNION ALL SELECT 0, 'PUBLIC'
), held AS (
  SELECT a.grantee, a.privilege_type, a.is_grantable,
         CASE c.relkind WHEN 'S' THEN 'sequence' WHEN 'v' THEN 'view' WHEN 'm' THEN 'view' ELSE 'table' END AS kind,
         c.relname::text AS object
    FROM pg_class c, aclexplode(coalesce(c.relacl, acldefault(CASE c.relkind WHEN 'S' THEN 's'::"char" ELSE 'r' END,
                                                              c.relowner))) a
   WHERE c.relnamespace::regnamespace::text NOT IN ('pg_catalog', 'information_schema', 'pg_toast')
     AND c.relkind IN ('r', 'p', 'v', 'm', 'S', 'f')
  UNION ALL
  SELECT a.grantee, a.privilege_type, a.is_grantable, 'column', format('%s.%s', c.relname, t.attname)
    FROM pg_attribute t JOIN pg_class c ON c.oid = t.attrelid, aclexplode(t.attacl) a
   WHERE c.relnamespace::regnamespace::text NOT IN ('pg_catalog', 'information_schema')
  UNION ALL
  SELECT a.grantee, a.privilege_type, a.is_grantable, 'function', p.oid::regprocedure::text
    FROM pg_proc p, aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a
   WHERE p.pronamespace::regnamespace::text NOT IN ('pg_catalog', 'information_schema')
      OR p.proname ~ '^(lo_(creat|create|from_bytea|import|export)|pg_logical_emit_message)$'
  UNION ALL
  SELECT a.grantee, a.privilege_type, a.is_grantable, 'schema', n.nspname::text
    FROM pg_namespace n, aclexplode(coalesce(n.nspacl, acldefault('n', n.nspowner))) a
   WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
  UNION ALL
  SELECT a.grantee, a.privilege_type, a.is_grantable, 'database', d.datname::text
    FROM pg_database d, aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) a
   WHERE d.datallowconn
  UNION ALL
  SELECT a.grantee, a.privilege_type, a.is_grantable, 'default', d.defaclobjtype::text
    FROM pg_default_acl d, aclexplode(d.defaclacl) a
  UNION ALL
  SELECT a.grantee, a.privilege_type, a.is_grantable, 'parameter', p.parname FROM pg_parameter_acl p, aclexplode(p.paracl) a
  UNION ALL
  SELECT m.member, 'MEMBER', m.admin_option, 'role', m.roleid::regrole::text FROM pg_auth_members m
)
SELECT who.name AS role, held.privilege_type || CASE WHEN held.is_grantable THEN ' and give it' ELSE '' END AS "right",
       held.kind, held.object
  FROM held JOIN who ON who.oid = held.grantee
UNION ALL
SELECT 'nobody', '', CASE relkind WHEN 'S' THEN 'sequence' WHEN 'v' THEN 'view' WHEN 'm' THEN 'view' ELSE 'table' END,
       relname::text
  FROM pg_class c WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'v', 'm', 'S', 'f')
UNION ALL
SELECT 'nobody', '', 'function', oid::regprocedure::text FROM pg_proc WHERE pronamespace = 'public'::regnamespace
 ORDER BY kind, object, role, "right"
