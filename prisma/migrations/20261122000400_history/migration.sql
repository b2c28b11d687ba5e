-- A record's history names who committed each change.

CREATE INDEX "feed_commit_batch_idx" ON "feed_commit"("batch");

/* What people call an actor: a device's name, a person's e-mail, a key's name; null where nobody knows it any more. */
CREATE FUNCTION actor_name(kind text, id text) RETURNS text LANGUAGE plpgsql STABLE AS $$
BEGIN
  IF kind = 'system' OR id !~ '^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$' THEN RETURN id; END IF;
  IF kind = 'device' THEN RETURN (SELECT d.name FROM device d WHERE d.id = actor_name.id::uuid); END IF;
  RETURN coalesce((SELECT u.email FROM user_account u WHERE u.id = actor_name.id::uuid),
    (SELECT k.name FROM api_key k WHERE k.id = actor_name.id::uuid));
END $$;
