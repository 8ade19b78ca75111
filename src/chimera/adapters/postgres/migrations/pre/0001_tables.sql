-- The tables. Every kind of record has one of the same shape; the body is the record as its struct encodes it.
-- Nobody but chimera_owner may write here: the roles have the functions of 0002 to 0005.

CREATE TABLE chimera.kinds (
    kind        text PRIMARY KEY,
    partitioned boolean NOT NULL,
    -- The states in which something is still to happen with a record; an index finds those among millions. (Tasks that
    -- wait for a worker have an index of their own.)
    open_states text[] NOT NULL
);

INSERT INTO chimera.kinds (kind, partitioned, open_states) VALUES
    ('agent',       false, '{}'),
    ('cap',         false, '{}'),
    ('campaign',    false, '{opened,running,paused}'),
    ('input',       true,  '{admitted}'),
    ('task',        true,  '{granted,performing,in_doubt}'),
    ('attempt',     true,  '{}'),
    ('grant',       true,  '{}'),
    ('batch',       true,  '{}'),
    ('seal',        true,  '{ready}'),
    ('performance', true,  '{started,in_doubt}'),
    ('hold',        true,  '{held}'),
    ('review',      true,  '{open,asked,approved,edited,rejected,expired}'),
    ('halt',        false, '{active}');

DO $do$
DECLARE
    k record;
BEGIN
    FOR k IN SELECT * FROM chimera.kinds LOOP
        EXECUTE format($sql$
            CREATE TABLE chimera.%I (
                id      uuid   NOT NULL PRIMARY KEY,
                version bigint NOT NULL CHECK (version >= 1),
                state   text   COLLATE "C" NOT NULL,
                scope   text   COLLATE "C",
                shard   int,
                due_us  bigint,
                rank    int    NOT NULL,
                body    bytea  NOT NULL
            ) %s $sql$, k.kind, CASE WHEN k.partitioned THEN 'PARTITION BY RANGE (id)' ELSE '' END);
        IF k.partitioned THEN
            EXECUTE format('CREATE TABLE chimera.%I PARTITION OF chimera.%I DEFAULT', k.kind || '_default', k.kind);
        END IF;
        IF k.open_states <> '{}' THEN
            EXECUTE format('CREATE INDEX ON chimera.%I (state, due_us, id) WHERE state = ANY (%L::text[])', k.kind, k.open_states);
        END IF;
    END LOOP;
END
$do$;

-- What managers claim from, in the order in which they claim; what is not due or not theirs is passed over in the index.
CREATE INDEX task_claim ON chimera.task (rank, due_us, id, shard) WHERE state IN ('ready', 'leased');
CREATE INDEX ON chimera.task (scope);
CREATE INDEX ON chimera.attempt (scope);
CREATE INDEX ON chimera.halt (scope) WHERE state = 'active';

-- Budget windows. `limit_micros` is what people allow now; `cap_micros` stays above it only as long as more than that
-- was already held or spent when the limit was lowered, and sinks with every release.
CREATE TABLE chimera.window_of_budget (
    id             text   COLLATE "C" PRIMARY KEY,
    key            text   COLLATE "C" NOT NULL,
    limit_micros   bigint NOT NULL CHECK (limit_micros >= 0),
    cap_micros     bigint NOT NULL,
    held_micros    bigint NOT NULL DEFAULT 0 CHECK (held_micros >= 0),
    spent_micros   bigint NOT NULL DEFAULT 0 CHECK (spent_micros >= 0),
    overrun_micros bigint NOT NULL DEFAULT 0 CHECK (overrun_micros >= 0),
    CHECK (held_micros + spent_micros <= cap_micros),
    CHECK (cap_micros = greatest(limit_micros, held_micros + spent_micros))
) WITH (fillfactor = 20);
CREATE INDEX ON chimera.window_of_budget (key);

-- The cap that stands for a scope and period: written with the cap record, read when a window is made.
CREATE TABLE chimera.limit_of_key (
    key    text   COLLATE "C" PRIMARY KEY,
    cap_id uuid   NOT NULL UNIQUE,
    micros bigint NOT NULL CHECK (micros >= 0)
);

-- One chain per writer. A writer belongs to the role that opened it first. The epoch counts its instances, the session
-- the connections of the present one: what a lost connection still had to say is fenced like a dead instance.
CREATE TABLE chimera.head (
    writer text   COLLATE "C" PRIMARY KEY,
    number int    GENERATED ALWAYS AS IDENTITY,
    role   text   NOT NULL,
    epoch  bigint NOT NULL,
    session bigint NOT NULL,
    seq    bigint NOT NULL,
    hash   bytea  NOT NULL CHECK (length(hash) = 32)
) WITH (fillfactor = 20);

-- What the last commit of every epoch was answered, kept for a client that lost the reply.
CREATE TABLE chimera.answer (
    writer        text   COLLATE "C" NOT NULL,
    epoch         bigint NOT NULL,
    batch         bigint NOT NULL,
    fault_changes int[]  NOT NULL,
    fault_codes   text[] NOT NULL,
    fault_details text[] NOT NULL,
    PRIMARY KEY (writer, epoch)
) WITH (fillfactor = 20);

-- A table of its own for every writer, in blocks of sequence numbers: a block behind a checkpoint can be dropped whole.
CREATE TABLE chimera.event (
    writer text   COLLATE "C" NOT NULL,
    seq    bigint NOT NULL,
    hash   bytea  NOT NULL,
    body   bytea  NOT NULL,
    PRIMARY KEY (writer, seq)
) PARTITION BY LIST (writer);

-- Locked in share by everything that begins something or may make a window, exclusively by a halt or a cap: what comes
-- after a halt sees it, and what came before has been committed. Nobody can lock it but the functions.
CREATE TABLE chimera.gate ();

-- The rules of domain/roles.py, written anew by every installation.
CREATE TABLE chimera.role_writes (
    role  text NOT NULL,
    kind  text NOT NULL,
    verb  text NOT NULL CHECK (verb IN ('insert', 'update')),
    state text NOT NULL,
    PRIMARY KEY (role, kind, verb, state)
);
CREATE TABLE chimera.role_may (
    role text NOT NULL,
    what text NOT NULL,
    PRIMARY KEY (role, what)
);
