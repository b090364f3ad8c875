-- The role with which KEDA counts jobs; run once, by an administrator of PostgreSQL, in the database `studyhall`. Choose its
-- password with \password studyhall_scaler. It sees that jobs are there, and nothing of what is in them.
CREATE ROLE studyhall_scaler LOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE NOINHERIT CONNECTION LIMIT 5;
GRANT CONNECT ON DATABASE studyhall TO studyhall_scaler;
GRANT USAGE ON SCHEMA public TO studyhall_scaler;
GRANT SELECT (queue_name, status, scheduled_at) ON procrastinate_jobs TO studyhall_scaler;
