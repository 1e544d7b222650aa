-- The count once more, over sets: what the server folds record by record follows here from all records at once.
-- Statements are separated by lines of the form "-- name"; recount.py runs them. DESIGN 3, DOMAIN 1.2 and 1.3.

-- macros
CREATE MACRO people(r) AS coalesce(r.J, r.L + r.P);
CREATE MACRO differs(a, b, tolerance) AS coalesce(abs(a - b) > tolerance, false);
CREATE MACRO exceeds(a, most, tolerance) AS coalesce(a > most + tolerance, false);

-- refused
-- Which records must not count, and why: the first of these that holds. The order is that of the checks at the door.
CREATE TABLE judged AS
SELECT
    record.*,
    station.area,
    station.registered,
    CASE
        WHEN type = 'unreadable' THEN 'M0'
        WHEN election <> $election THEN 'E1'
        WHEN mode <> $mode THEN 'E2'
        WHEN definition <> $definition THEN 'E3'
        WHEN type NOT IN ('election.opened', 'result.reported', 'result.reviewed', 'result.annulled', 'annulment.withdrawn') THEN 'E4'
        WHEN key.key_id IS NULL THEN 'K1'
        WHEN NOT list_contains(may_say.roles, key.role) THEN 'K3'
        WHEN NOT signed THEN 'K2'
        WHEN type = 'election.opened' THEN CASE
            WHEN partitions <> $partitions THEN 'E5'
            WHEN key.scope <> $root THEN 'K4'
            WHEN "offset" > 0 THEN 'E7'
        END
        WHEN station.code IS NULL THEN 'S1'
        WHEN held_in.contest IS NULL THEN 'S2'
        WHEN key.scope <> record.station AND scope.area IS NULL THEN 'K4'
        WHEN station.partition <> record.partition THEN 'E6'
    END AS refusal
FROM record
LEFT JOIN key ON key.key_id = record.key
LEFT JOIN may_say USING (type)
LEFT JOIN station ON station.code = record.station
LEFT JOIN held_in ON held_in.station = record.station AND held_in.contest = record.contest
LEFT JOIN lineage AS scope ON scope.area = station.area AND scope.above = key.scope;

-- sequences
-- Events whose number their key has used before in this partition (Q1), or whose prev is not the event before (Q2), as far as
-- both are among the $kept numbers up to the highest before them. The genesis is in every partition, and has its place in none.
CREATE TABLE out_of_sequence AS
WITH signed_event AS (
    SELECT partition, key, event, seq, prev, min("offset") AS "offset"
    FROM judged
    WHERE type <> 'election.opened' AND (refusal IS NULL OR refusal IN ('S1', 'S2', 'K4', 'E6'))
    GROUP BY partition, key, event, seq, prev
),
numbered AS (
    SELECT
        *,
        max(seq) OVER (
            PARTITION BY partition, key ORDER BY "offset" ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
        ) AS highest,
        row_number() OVER (PARTITION BY partition, key, seq ORDER BY "offset") AS use
    FROM signed_event
    WHERE seq > 0 OR prev IS NULL
),
first_use AS (SELECT partition, key, event, seq, prev, "offset" FROM numbered WHERE use = 1)
SELECT partition, key, event FROM signed_event WHERE seq = 0 AND prev IS NOT NULL
UNION
SELECT numbered.partition, numbered.key, numbered.event
FROM numbered
LEFT JOIN first_use AS below ON below.partition = numbered.partition AND below.key = numbered.key
    AND below.seq = numbered.seq - 1 AND below."offset" < numbered."offset"
    AND below.seq > numbered.highest - $kept
LEFT JOIN first_use AS above ON above.partition = numbered.partition AND above.key = numbered.key
    AND above.seq = numbered.seq + 1 AND above."offset" < numbered."offset"
WHERE (numbered.highest IS NULL OR numbered.seq > numbered.highest - $kept) AND (
    use > 1
    OR (below.event IS NOT NULL AND below.event IS DISTINCT FROM numbered.prev)
    OR (above.event IS NOT NULL AND above.prev IS DISTINCT FROM numbered.event)
);

-- crowded
-- A key has so many events about one station in one contest, in the order of the log; its later ones must not count (L1).
UPDATE judged SET refusal = 'L1'
FROM (
    SELECT station, contest, key, event
    FROM judged
    SEMI JOIN (
        SELECT station, contest, key FROM judged WHERE refusal IS NULL AND station IS NOT NULL
        GROUP BY station, contest, key HAVING count(*) > $events_per_key
    ) USING (station, contest, key)
    WHERE refusal IS NULL
    GROUP BY station, contest, key, event
    QUALIFY row_number() OVER (PARTITION BY station, contest, key ORDER BY min("offset")) > $events_per_key
) AS late
WHERE refusal IS NULL AND judged.station = late.station AND judged.contest = late.contest
    AND judged.key = late.key AND judged.event = late.event;

-- forms
-- Each reported form once, at the first place where it stands, with what it breaks and what it adds.
-- {rules} is a list of (rule, severity) made by rules.py.
CREATE TABLE form AS
SELECT
    station, contest, partition, "offset", event, key, version, supersedes, form_hash, area, registered,
    A, B1, B2, B3, B4, VC AS stated_total,
    votes,
    coalesce(registered, people(A)) AS register,
    people(B4) AS voters,
    coalesce(VA, list_sum(votes)::BIGINT, 0) AS valid,
    if(marks = 1, valid, VS) AS valid_ballots,
    VB AS invalid,
    if(counts_blank, VK, 0) AS blank,
    coalesce(VC, valid_ballots + invalid + blank) AS total,
    broken,
    list_bool_or(list_transform(broken, lambda each: each.severity = 'hard')) IS TRUE AS hard,
    list_bool_or(list_transform(broken, lambda each: each.severity <> 'info')) IS TRUE OR is_out_of_sequence AS not_clean
FROM (
    SELECT
        *,
        list_filter([{rules}], lambda each: each IS NOT NULL) AS broken,
        out_of_sequence.event IS NOT NULL AS is_out_of_sequence
    FROM judged
    LEFT JOIN out_of_sequence USING (partition, key, event)
    LEFT JOIN (SELECT id AS contest, office, marks, counts_blank FROM contest) USING (contest)
    WHERE type = 'result.reported' AND refusal IS NULL
)
QUALIFY row_number() OVER (PARTITION BY station, contest, event ORDER BY "offset") = 1;

-- reviews
-- A review of what is not in the ledger decides nothing (R3), also when the form comes later.
UPDATE judged SET refusal = 'R3'
WHERE type = 'result.reviewed' AND refusal IS NULL AND NOT EXISTS (
    SELECT 1 FROM form WHERE form.station = judged.station AND form.contest = judged.contest
        AND form.event = judged.reviewed AND form."offset" < judged."offset"
);
CREATE TABLE review AS
SELECT station, contest, partition, "offset", reviewed, decision
FROM judged WHERE type = 'result.reviewed' AND refusal IS NULL
-- A review that is repeated decides as it first did: it must not undo another that came between.
QUALIFY row_number() OVER (PARTITION BY station, contest, event ORDER BY "offset") = 1;

-- annulments
-- An annulment names a form that is in the ledger, or at most the highest version there is, without those that wait far
-- above it (N2).
CREATE TEMP TABLE in_reach AS
SELECT judged.partition, judged."offset"
FROM judged JOIN form USING (station, contest)
WHERE judged.type = 'result.annulled' AND judged.refusal IS NULL AND form."offset" < judged."offset"
GROUP BY judged.partition, judged."offset", judged.through_version, judged.reviewed
HAVING coalesce(bool_or(form.event = judged.reviewed), false) OR coalesce(judged.through_version <= list_reduce(
    list_prepend(0, list_sort(list_distinct(list(form.version)))),
    lambda reached, version: CASE WHEN version <= reached + $step THEN version ELSE reached END
), false);
UPDATE judged SET refusal = 'N2'
WHERE type = 'result.annulled' AND refusal IS NULL AND NOT EXISTS (
    SELECT 1 FROM in_reach WHERE in_reach.partition = judged.partition AND in_reach."offset" = judged."offset"
);
CREATE TABLE annulment AS
SELECT station, contest, partition, "offset", event, through_version, reviewed AS form, role
FROM judged JOIN key ON key.key_id = judged.key
WHERE type = 'result.annulled' AND refusal IS NULL
QUALIFY row_number() OVER (PARTITION BY station, contest, event ORDER BY "offset") = 1;
-- It is withdrawn once, by its own role (N3).
CREATE TABLE withdrawal AS
SELECT judged.station, judged.contest, judged.partition, judged."offset", judged.event, judged.withdrawn
FROM judged JOIN key ON key.key_id = judged.key
JOIN annulment ON annulment.station = judged.station AND annulment.contest = judged.contest
    AND annulment.event = judged.withdrawn AND annulment."offset" < judged."offset" AND annulment.role = key.role
WHERE type = 'annulment.withdrawn' AND refusal IS NULL
QUALIFY row_number() OVER (PARTITION BY judged.station, judged.contest, judged.withdrawn ORDER BY judged."offset") = 1;
UPDATE judged SET refusal = 'N3'
WHERE type = 'annulment.withdrawn' AND refusal IS NULL AND NOT EXISTS (
    SELECT 1 FROM withdrawal WHERE withdrawal.station = judged.station AND withdrawal.contest = judged.contest
        AND withdrawal.event = judged.event
);

-- numbering
-- What each key's numbers show in all partitions together. An event that stands in several places is one. Those that the key
-- has not signed, or not for this election, or of a kind that its role may not say, have no place among its numbers.
CREATE TEMP TABLE numbered AS
SELECT key, seq, event, any_value(prev) AS prev, min({partition: partition, "offset": "offset"}) AS place
FROM judged
WHERE seq IS NOT NULL
    AND (refusal IS NULL OR refusal NOT IN ('M0', 'E1', 'E2', 'E3', 'E4', 'K1', 'K2', 'K3'))
GROUP BY key, seq, event;
-- Events above a number that nobody has used, with what they name as the one before: `named` is that one's number.
CREATE TEMP TABLE above_gap AS
SELECT gap.key, gap.below, gap.seq, event.event, event.prev, event.place, named.seq AS named
FROM (
    SELECT key, seq, lag(seq) OVER (PARTITION BY key ORDER BY seq) AS below
    FROM (SELECT DISTINCT key, seq FROM numbered)
    QUALIFY seq > coalesce(below, -1) + 1
) AS gap
JOIN numbered AS event ON event.key = gap.key AND event.seq = gap.seq
LEFT JOIN numbered AS named ON named.key = gap.key AND named.event = event.prev;
CREATE TEMP TABLE used_twice AS
SELECT key, seq, count(*) AS uses FROM numbered GROUP BY key, seq HAVING count(*) > 1;
CREATE TABLE irregular AS
-- A gap is a hole unless its key says itself that nothing is missing: it begins anew, or goes on from the event below.
SELECT
    min(CASE WHEN prev IS NULL THEN 'restart' WHEN named = below THEN 'skip' ELSE 'hole' END) AS kind,
    key, coalesce(below, -1) + 1 AS first, seq - 1 AS last, 1 AS uses,
    [arg_min({event: event, partition: place.partition, "offset": place."offset"}, place)] AS events,
    arg_min(prev, place) AS names
FROM above_gap GROUP BY key, below, seq
UNION ALL
SELECT
    'used_twice', key, seq, seq, any_value(uses),
    list({event: event, partition: place.partition, "offset": place."offset"} ORDER BY place, event), NULL
FROM (
    SELECT numbered.*, uses FROM numbered JOIN used_twice USING (key, seq)
    QUALIFY row_number() OVER (PARTITION BY key, seq ORDER BY place, event) <= $shown
)
GROUP BY key, seq
UNION ALL
SELECT
    'wrong_prev', key, seq, seq, 1, [{event: event, partition: place.partition, "offset": place."offset"}], prev
FROM (
    SELECT key, seq, event, prev, place FROM numbered WHERE seq = 0 AND prev IS NOT NULL
    UNION ALL
    SELECT key, seq, event, prev, place FROM above_gap WHERE seq > 0 AND named IS NOT NULL AND named IS DISTINCT FROM below
    UNION ALL
    SELECT key, seq, event, prev, place FROM numbered
    WHERE EXISTS (FROM numbered AS before WHERE before.key = numbered.key AND before.seq = numbered.seq - 1)
        AND NOT EXISTS (
            FROM numbered AS before
            WHERE before.key = numbered.key AND before.seq = numbered.seq - 1 AND before.event = numbered.prev
        )
)
UNION ALL
-- Forms that do not name, as what they correct, a lower version of the same station and contest that is in the ledger (V6).
SELECT kind, key, NULL, NULL, 1, [{event: event, partition: partition, "offset": "offset"}], supersedes
FROM (
    SELECT
        form.*,
        CASE
            WHEN form.version = 1 THEN if(form.supersedes IS NULL, NULL, 'first_corrects')
            WHEN form.supersedes IS NULL THEN 'corrects_none'
            WHEN named.event IS NULL THEN 'corrects_unknown'
            WHEN named.station <> form.station OR named.contest <> form.contest THEN 'corrects_elsewhere'
            WHEN named.version >= form.version THEN 'corrects_not_lower'
        END AS kind
    FROM form LEFT JOIN form AS named ON named.event = form.supersedes
)
WHERE kind IS NOT NULL;
CREATE TABLE numbered_key AS
SELECT key, count(*) AS events, min(seq) AS lowest, max(seq) AS highest FROM numbered GROUP BY key;
DROP TABLE above_gap;
DROP TABLE used_twice;
DROP TABLE numbered;

-- standing
-- What stands for each wanted station in each wanted contest, after the records up to `cut`. DESIGN 3: the highest version
-- that stands wins; of one version the form first in the ledger; what breaks a hard rule waits for a review.
CREATE OR REPLACE TEMP TABLE standing AS
WITH
said AS (
    SELECT form.* FROM form JOIN cut USING (partition) SEMI JOIN wanted_station USING (station)
    SEMI JOIN wanted_contest USING (contest) WHERE form."offset" <= cut.through
),
in_force AS (
    SELECT annulment.* FROM annulment JOIN cut USING (partition) SEMI JOIN wanted_station USING (station)
    SEMI JOIN wanted_contest USING (contest)
    WHERE annulment."offset" <= cut.through AND NOT EXISTS (
        SELECT 1 FROM withdrawal WHERE withdrawal.station = annulment.station AND withdrawal.contest = annulment.contest
            AND withdrawal.withdrawn = annulment.event AND withdrawal."offset" <= cut.through
    )
),
annulled AS (
    SELECT station, contest, coalesce(max(through_version), 0) AS through_version FROM in_force GROUP BY station, contest
),
last_review AS (
    SELECT station, contest, reviewed, arg_max(decision, review."offset") AS decision
    FROM review JOIN cut USING (partition) SEMI JOIN wanted_station USING (station)
    SEMI JOIN wanted_contest USING (contest) WHERE review."offset" <= cut.through GROUP BY station, contest, reviewed
),
spoken_of AS (SELECT DISTINCT station, contest FROM said),
-- How far versions go from 0 without a step of more than $step; where none is above $step, all are within it.
reach AS (
    SELECT station, contest, list_reduce(
        list_prepend(0, list_sort(list_distinct(list(version)))),
        lambda reached, version: CASE WHEN version <= reached + $step THEN version ELSE reached END
    ) AS reached
    FROM said GROUP BY station, contest HAVING max(version) > $step
),
-- Of forms with one version that say the same, the first stands for all (V3).
distinct_form AS (
    SELECT
        said.* EXCLUDE (hard),
        said.hard OR coalesce(version > reached, false) AS hard,
        coalesce(decision = 'accepted', false) AS is_accepted,
        coalesce(decision = 'rejected', false) AS is_rejected
    FROM said
    LEFT JOIN annulled USING (station, contest)
    LEFT JOIN reach USING (station, contest)
    ANTI JOIN in_force ON in_force.station = said.station AND in_force.contest = said.contest AND in_force.form = said.event
    LEFT JOIN last_review ON last_review.station = said.station AND last_review.contest = said.contest
        AND last_review.reviewed = said.event
    WHERE version > coalesce(through_version, 0)
    QUALIFY row_number() OVER (PARTITION BY said.station, said.contest, version, form_hash ORDER BY said."offset") = 1
),
-- A review decides only where there is something to decide: a hard rule, or two forms that disagree (V1).
disputed AS (
    SELECT *, hard OR count(*) OVER (PARTITION BY station, contest, version) > 1 AS is_open FROM distinct_form
),
candidate AS (
    SELECT
        * EXCLUDE (is_accepted),
        is_accepted AND is_open AS is_accepted,
        NOT hard OR is_accepted AS is_eligible,
        count(*) OVER (PARTITION BY station, contest, version) > 1 AS is_conflict
    FROM disputed WHERE NOT (is_rejected AND is_open)
),
ranked AS (
    SELECT
        *,
        row_number() OVER (
            PARTITION BY station, contest, version ORDER BY is_accepted DESC, is_eligible DESC, "offset"
        ) = 1 AND (is_accepted OR is_eligible) AS is_winner
    FROM candidate
),
effective AS (
    SELECT * FROM ranked WHERE is_winner
    QUALIFY row_number() OVER (PARTITION BY station, contest ORDER BY version DESC) = 1
),
-- Beside a winner of its own version a loser says nothing more; above the effective version, or alone, it waits (V2).
held AS (
    SELECT * FROM ranked WHERE NOT is_winner
    QUALIFY row_number() OVER (PARTITION BY station, contest ORDER BY version DESC, "offset") = 1
),
-- What stands must follow the version before it (V5), and name a lower one (V6).
out_of_line AS (
    SELECT station, contest FROM effective
    WHERE (version > 1 OR supersedes IS NOT NULL) AND (
        (version > 1 AND NOT EXISTS (
            SELECT 1 FROM said WHERE said.station = effective.station AND said.contest = effective.contest
                AND said.version = effective.version - 1
        ))
        OR NOT EXISTS (
            SELECT 1 FROM said WHERE said.station = effective.station AND said.contest = effective.contest
                AND said.event = effective.supersedes AND said.version < effective.version
        )
    )
)
SELECT
    spoken_of.station,
    spoken_of.contest,
    CASE
        WHEN effective.event IS NOT NULL THEN CASE
            WHEN effective.not_clean OR effective.is_accepted OR effective.is_conflict
                OR coalesce(held.version > effective.version, false) OR out_of_line.station IS NOT NULL THEN 'flagged'
            ELSE 'counted' END
        WHEN held.event IS NOT NULL THEN 'held'
        WHEN annulled.through_version IS NOT NULL THEN 'annulled'
        ELSE 'waiting'
    END AS state,
    coalesce(effective.event, held.event) AS event
FROM spoken_of
LEFT JOIN effective USING (station, contest)
LEFT JOIN held USING (station, contest)
LEFT JOIN out_of_line USING (station, contest)
LEFT JOIN annulled USING (station, contest);

-- cross
-- Rules that compare what stands in the contests of one station: they can only flag what would be clean. {rule} is one
-- expression of rules.py.
UPDATE standing SET state = 'flagged'
WHERE state = 'counted' AND EXISTS (
    SELECT 1
    FROM (SELECT form.*, contest.office, form.stated_total AS VC FROM form JOIN contest ON contest.id = form.contest) AS mine
    LEFT JOIN standing AS elsewhere ON elsewhere.station = mine.station AND elsewhere.contest <> mine.contest
    LEFT JOIN (SELECT form.*, contest.office FROM form JOIN contest ON contest.id = form.contest) AS other
        ON other.event = elsewhere.event AND other.station = elsewhere.station AND other.contest = elsewhere.contest
    WHERE mine.event = standing.event AND mine.station = standing.station AND mine.contest = standing.contest
        AND list_contains($offices, mine.office) AND ({rule})
);

-- sums
-- What the wanted areas have in each contest: a row for each tier. {stated} is, for each number that a form may leave out,
-- its sum and in how many stations nobody stated it.
CREATE OR REPLACE TEMP TABLE counted AS
SELECT
    standing.contest,
    station.area,
    standing.state,
    form.register, form.voters, form.valid, form.valid_ballots, form.invalid, form.blank, form.total, form.votes
FROM standing
JOIN station ON station.code = standing.station
LEFT JOIN form USING (station, contest, event)
WHERE standing.state IN ('counted', 'flagged', 'held', 'annulled');

CREATE OR REPLACE TEMP TABLE area_sum AS
WITH lowest AS (
    SELECT
        contest, area, state, count(*) AS stations, sum(valid) AS valid,
        {stated}
    FROM counted GROUP BY contest, area, state
)
SELECT
    contest, above AS area, state, sum(stations)::BIGINT AS stations, sum(valid)::BIGINT AS valid,
    {stated_above}
FROM lowest JOIN lineage USING (area) SEMI JOIN wanted_area ON wanted_area.area = lineage.above
GROUP BY contest, above, state;

CREATE OR REPLACE TEMP TABLE area_votes AS
WITH lowest AS (
    SELECT contest, area, state, place, sum(count) AS count
    FROM (
        SELECT contest, area, state, unnest(votes) AS count, generate_subscripts(votes, 1) AS place
        FROM counted WHERE state <> 'annulled'
    )
    GROUP BY contest, area, state, place
)
SELECT contest, above AS area, state, place, sum(count)::BIGINT AS count
FROM lowest JOIN lineage USING (area) SEMI JOIN wanted_area ON wanted_area.area = lineage.above
GROUP BY contest, above, state, place;
