-- A role for Grafana that reads the views of innerwatch's database and nothing else. Run it in that database, as an
-- administrator, after `innerwatch db upgrade`:
--   psql "postgresql://admin@db.example/innerwatch" -f reader.sql
-- and give the role a password that only Grafana's data source knows: \password innerwatch_reader
-- The views show pseudonyms and names of detections. They hold no words of analysts, no evidence and no owner's name.
CREATE ROLE innerwatch_reader LOGIN CONNECTION LIMIT 10;
ALTER ROLE innerwatch_reader SET default_transaction_read_only = on;
ALTER ROLE innerwatch_reader SET statement_timeout = '10s';
GRANT USAGE ON SCHEMA public TO innerwatch_reader;
GRANT SELECT ON v_detections, v_alerts, v_incidents, v_verdicts, v_promotions TO innerwatch_reader;
