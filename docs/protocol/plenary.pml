/*
 * The protocol of Plenary (voting, transitions, seals, counting) for spin. README.md in this folder says what is
 * modelled, what is left out, and what each run shows. Without a macro this is the protocol as it is; every NO_… macro
 * takes one rule out, and then there should be a counter-example.
 *
 * One presentation, one poll. It is displayed under the odd versions; under the even ones something else is, or it is
 * closed, which is the same to voters. Votes and seals go through the log of the partition that the presentation stores.
 * There may be a second partition, and in it a second presentation, whose poll is displayed all the time. There are two
 * API replicas, two workers, one database. An action is one atomic step of one process, so everything that may happen
 * between two of its steps does happen in some run: that includes being stopped there for any time.
 */

/* Bounds of a run. */
#ifndef VOTES
#define VOTES 2     /* requests of voters, 2 or 3: the third is of voter 1, the others are of voter 0 */
#endif
#ifndef VERSIONS
#define VERSIONS 2  /* the last version: 2 is one transition, 4 is there, back, and there again */
#endif
#ifndef LOSSES
#define LOSSES 1    /* connections that a replica loses with something in flight, per replica */
#endif
#ifndef TAKEOVERS
#define TAKEOVERS 1 /* how often the broker gives the partition to the other worker */
#endif
#ifndef SEALS
#define SEALS 2     /* seals per ended version: the replica's, and the worker's sweep's */
#endif
#ifndef SEQ
#define SEQ 0       /* 1: clients number their votes */
#endif
#ifndef UNHEARD
#define UNHEARD 0   /* 1: a worker may not be told of its commit */
#endif
#ifndef REPLICAS
#define REPLICAS 2
#endif
#ifndef PARTITIONS
#define PARTITIONS 1 /* 2: by their settings replicas have one or two; workers follow both */
#endif
#ifndef PRESENTATIONS
#define PRESENTATIONS 1 /* 2: the last vote is of voter 1 in another one, which is in the other partition */
#endif

/*
 * Time. One tick is the lease and the window; all comparisons of the model are closed (<=, >=), so whole ticks are as
 * good as real time. Ages and timers stop counting where nobody asks any further.
 */
#define L 1
#define W 1
#ifdef NO_SLACK
#define S 0
#else
#define S 1
#endif
#define WAIT (L + W + S)
#ifdef NO_SEAL_WAIT
#define REPLICA_WAIT 0
#else
#define REPLICA_WAIT WAIT
#endif
#ifdef NO_SWEEP_WAIT
#define SWEEP_WAIT 0
#else
#define SWEEP_WAIT WAIT /* the sweep waits far longer, and only from when it first looked: a part of this */
#endif

/*
 * The database. A vote is named by its number from 1; a row holds 0 while the voter has none. Every vote is for an
 * option of its own, so a tally has two bits per vote. Ids of batches and seals are bits of a set.
 */
#define PENDING 0
#define OPEN    1
#define CLOSING 2
#define FINAL   3
byte version = 1;
byte status = OPEN;
byte opened = 1;
byte sealed;
byte tally[PRESENTATIONS];
byte row[2];
byte recorded;      /* ids of batches that were counted */
byte stored[PRESENTATIONS]; /* the partition of a presentation */

/* Rows that are locked: who holds one is worker + 1, 0 nobody. A worker that holds one may wait for another. */
#define ROW(p)  (p)
#define POLL(q) (PARTITIONS + (q))
byte holder[PARTITIONS + PRESENTATIONS];
byte waits[2];      /* for which, + 1 */
#ifdef NO_PARTITION_ROW
#define LOCK_ROW(p)
#else
#define LOCK_ROW(p) holder[ROW(p)] = me + 1
#endif
#ifdef NO_POLL_ROW
#define FREE_POLL(q) true
#define LOCK_POLL(q)
#else
#define FREE_POLL(q) (holder[POLL(q)] == 0)
#define LOCK_POLL(q) holder[POLL(q)] = me + 1
#endif

/*
 * The log of each partition. An entry is the id of a batch (its first vote - 1) or of a seal. Nothing is removed: head is
 * how far acks go.
 */
#define MAXSEALS (SEALS * (VERSIONS / 2))
#define MAXLOG (VOTES + MAXSEALS)
#define ENTRY(p, n) entries[(p) * MAXLOG + (n)]
byte entries[PARTITIONS * MAXLOG];
byte length[PARTITIONS];
byte head[PARTITIONS];
#define SEAL(v, n)       (VOTES + ((v) - 1) / 2 * SEALS + (n)) /* id of the nth seal of an odd version */
#define IS_SEAL(e)       ((e) >= VOTES)
#define SEALED_BY(e)     (((e) - VOTES) / SEALS * 2 + 1)
#define HAS(set, bit)    ((set) & (1 << (bit)))
#define ADD(set, bit)    set = set | (1 << (bit))
bool published[MAXSEALS + 1]; /* one more than there are: an array cannot be empty */
byte since[VERSIONS + 1]; /* ticks since a version ended */

/* A vote's way. */
#define IDLE    0
#define WAITING 1   /* accepted, in the replica's open batch */
#define WRITTEN 2   /* in a batch that was written */
#define GONE    3   /* refused before the write */
typedef Vote { byte state; byte via; byte version; byte age; byte batch; byte place }
Vote vote[VOTES];

#define NONE     0
#define WIRE     1  /* written, not at the broker yet */
#define LOGGED   2  /* in the log, confirm on its way */
#define RETURNED 3  /* refused or unroutable, told but not read */
#define SETTLED  4  /* nothing more comes: read, or the connection was lost */
typedef Batch { byte state; byte votes; byte partition }
Batch batch[VOTES];

/* The replicas. wire is what a live connection carries, dead what one carries that the replica has lost. */
chan wire0 = [VOTES] of { byte };
chan wire1 = [VOTES] of { byte };
chan dead0 = [VOTES] of { byte };
chan dead1 = [VOTES] of { byte };
byte view[2];       /* the version that the replica believes in; 0: it has to read */
byte viewAge[2];
byte losses[2];

/* The workers, in each partition. */
#define AT(w, p) ((w) * PARTITIONS + (p))
byte consumer[PARTITIONS];      /* who the broker delivers to */
byte takeovers;
bool zombie[2 * PARTITIONS];    /* the broker has given up on the worker, and the worker does not know */
byte next[2 * PARTITIONS];      /* first entry that the worker has not counted */
byte delivered[2 * PARTITIONS]; /* for a zombie: how far it got entries */
#define UNTIL(w, p) (zombie[AT(w, p)] -> delivered[AT(w, p)] : (consumer[p] == (w) -> length[p] : 0))
#define MORE(w, p)  (next[AT(w, p)] < UNTIL(w, p))

/* What was promised, and what is only known to the model. */
byte acknowledged;  /* votes with a 204 or 202 */
byte late;          /* votes with a 409 behind their seal */
byte counted;       /* votes that a committed transaction decided on */

#if PRESENTATIONS > 1
#define VOTER(i) ((i) == VOTES - 1) /* of vote number i + 1 */
#else
#define VOTER(i) ((i) / 2)
#endif
#define PRESENTATION(voter) (PRESENTATIONS == 1 -> 0 : (voter))
/*
 * The partition of what a replica publishes is the one that the presentation stores. Without that rule (HASH_ANEW) each
 * takes the hash by its own setting: replica 0 still has one partition, replica 1 has two.
 */
#ifdef HASH_ANEW
#define VOTE_GOES_TO(i, r) (r)
#define SEAL_GOES_TO 1  /* replica 1 made the transition */
#else
#define VOTE_GOES_TO(i, r) stored[PRESENTATION(VOTER(i))]
#define SEAL_GOES_TO stored[0]
#endif
#define MIN(a, b) ((a) < (b) -> (a) : (b))
#define MAX(a, b) ((a) > (b) -> (a) : (b))

/* Does vote n replace vote o, when n comes behind o in the log? Both are numbers from 1. */
#ifdef ORDER_VERSION
#define REPLACES(n, o) \
	(vote[(n)-1].version > vote[(o)-1].version || \
	 vote[(n)-1].version == vote[(o)-1].version && (SEQ == 0 || (n) >= (o)))
#else
#define REPLACES(n, o) (SEQ == 0 || (n) >= (o))
#endif

/*
 * Is vote n the same answer as vote o or a later one? To the letter of guarantee 1: the number, else the place in the log.
 * As the voter sees it (BY_REQUEST): the request.
 */
#ifdef BY_REQUEST
#define NOT_EARLIER(n, o) ((n) >= (o))
#else
#define NOT_EARLIER(n, o) (SEQ && (n) >= (o) || !SEQ && vote[(n)-1].place >= vote[(o)-1].place)
#endif

/* Never set: pan prints the text of the assertion that fails, and with it the guarantee. */
bool guarantee1, guarantee2, guarantee3, guarantee4, deadlock;

/* Time passes. */
proctype clock()
{
	byte i;
end:	do
	:: d_step {
		for (i : 0 .. VOTES - 1) {
			if
			:: vote[i].age <= W && (vote[i].state == WAITING || vote[i].state == WRITTEN &&
			   (batch[vote[i].batch].state == WIRE || batch[vote[i].batch].state == LOGGED ||
			    batch[vote[i].batch].state == RETURNED)) -> vote[i].age++
			:: else
			fi
		}
		for (i : 0 .. 1) {
			if
			:: view[i] && viewAge[i] < L -> viewAge[i]++
#ifndef NO_L
			:: view[i] && viewAge[i] >= L -> view[i] = 0; viewAge[i] = 0
#endif
			:: else
			fi
		}
		for (i : 1 .. VERSIONS) {
			if
			:: i % 2 && i < version && since[i] < MAX(WAIT, L + 1) -> since[i]++
			:: else
			fi
		}
		i = 0;
		printf("a tick passes\n")
	   }
	od
}

/* The presenter. A transition locks the poll's state and is over in one step: nobody else sees the inside. */
proctype presenter()
{
end:	do
	:: d_step { version < VERSIONS && FREE_POLL(0) ->
		if
		:: version % 2 -> status = CLOSING
		:: else -> status = OPEN; opened = version + 1
		fi;
		version++;
		printf("the presenter makes version %d\n", version)
	   }
	od
}

inline append(entry, p)
{
	if
	:: IS_SEAL(entry) -> printf("log %d takes a seal of version %d as entry %d\n", p, SEALED_BY(entry), length[p])
	:: else -> printf("log %d takes batch %d as entry %d\n", p, entry + 1, length[p])
	fi;
	ENTRY(p, length[p]) = entry;
	length[p]++
}

/*
 * Seals: the replica's after L + W + S whatever happened since, unless it died; the sweep's only for what is closing. How
 * long a seal travels makes no difference: it may enter the log at any time after that.
 */
proctype sealer()
{
	end:	do
#if VERSIONS > 1
	:: d_step { version > 1 && !published[SEAL(1, 0) - VOTES] && since[1] >= REPLICA_WAIT ->
		published[SEAL(1, 0) - VOTES] = true; append(SEAL(1, 0), SEAL_GOES_TO) }
#if SEALS > 1
	:: d_step { status == CLOSING && opened == 1 && !published[SEAL(1, 1) - VOTES] && since[1] >= SWEEP_WAIT ->
		published[SEAL(1, 1) - VOTES] = true; append(SEAL(1, 1), SEAL_GOES_TO) }
#endif
#else
	:: false
#endif
#if VERSIONS > 3
	:: d_step { version > 3 && !published[SEAL(3, 0) - VOTES] && since[3] >= REPLICA_WAIT ->
		published[SEAL(3, 0) - VOTES] = true; append(SEAL(3, 0), SEAL_GOES_TO) }
#if SEALS > 1
	:: d_step { status == CLOSING && opened == 3 && !published[SEAL(3, 1) - VOTES] && since[3] >= SWEEP_WAIT ->
		published[SEAL(3, 1) - VOTES] = true; append(SEAL(3, 1), SEAL_GOES_TO) }
#endif
#endif
	od
}

/* A vote is accepted under the lease. Voters make their requests in order, to any replica, and wait for nothing. */
#ifdef BY_REQUEST
/* Or they wait for their answer, and 503 is one. */
#define ASKED_AGAIN (HAS(acknowledged, 0) || HAS(late, 0) || vote[0].state == GONE || \
	vote[0].state == WRITTEN && batch[vote[0].batch].state == SETTLED)
#else
#define ASKED_AGAIN (vote[0].state != IDLE)
#endif

inline accept(i, r)
{
	assert(guarantee2 || view[r] == version || since[view[r]] <= L);
	vote[i].state = WAITING;
	vote[i].via = r;
	vote[i].version = view[r];
	printf("replica %d accepts vote %d of voter %d under version %d\n", r, i + 1, VOTER(i), view[r])
}

/* The other presentation moves nowhere: whenever a vote for its poll is accepted, it is in time. */
inline acceptElsewhere(i, r)
{
	vote[i].state = WAITING;
	vote[i].via = r;
	vote[i].version = 1;
	printf("replica %d accepts vote %d of voter %d, in the other presentation\n", r, i + 1, VOTER(i))
}

inline gone(i)
{
	printf("vote %d is refused\n", i + 1);
	vote[i].state = GONE; vote[i].age = 0; vote[i].version = 0; vote[i].via = 0; vote[i].batch = 0
}

/* A batch gets what waits for its partition: what is older than W is refused. Its id is its first vote. */
#define WAITS_FOR(i, r, p) (vote[i].state == WAITING && vote[i].via == r && VOTE_GOES_TO(i, r) == (p))
#if VOTES > 2
#define ANY_WAITS_FOR(r, p) (WAITS_FOR(0, r, p) || WAITS_FOR(1, r, p) || WAITS_FOR(2, r, p))
#else
#define ANY_WAITS_FOR(r, p) (WAITS_FOR(0, r, p) || WAITS_FOR(1, r, p))
#endif
inline take(i, r, p)
{
	if
	:: WAITS_FOR(i, r, p) ->
		if
#ifndef NO_EXPIRY
		:: vote[i].age > W -> gone(i)
#endif
		:: else ->
			if
			:: b == VOTES -> b = i
			:: else
			fi;
			vote[i].state = WRITTEN;
			vote[i].batch = b;
			vote[i].via = 0;
			ADD(batch[b].votes, i)
		fi
	:: else
	fi
}

inline write(r, p, wire)
{
	b = VOTES;
	for (i : 0 .. VOTES - 1) { take(i, r, p) }
	if
	:: b < VOTES ->
		batch[b].state = WIRE;
		batch[b].partition = p;
		ADD(mine, b);
		wire!b;
		printf("replica %d writes batch %d\n", r, b + 1)
	:: else
	fi;
	i = 0;
	b = 0
}

#ifdef NO_W
#define IN_TIME(b, i) (HAS(batch[b].votes, i))
#else
#define IN_TIME(b, i) (HAS(batch[b].votes, i) && vote[i].age <= W)
#endif
/* A confirm is read. Only what was accepted at most W ago is acknowledged by it. */
inline confirmed(b)
{
	for (i : 0 .. VOTES - 1) {
		if
		:: HAS(batch[b].votes, i) ->
			if
			:: IN_TIME(b, i) ->
				printf("the confirm acknowledges vote %d with 202\n", i + 1);
				assert(guarantee1 || batch[b].state == LOGGED); /* what is not in the log is lost */
				assert(guarantee1 || !HAS(late, i));            /* and so is what comes behind its seal */
				ADD(acknowledged, i)
			:: else
			fi;
			vote[i].age = 0
		:: else
		fi
	}
	batch[b].state = SETTLED;
	i = 0
}

inline logged(b)
{
	into = batch[b].partition;
	for (i : 0 .. VOTES - 1) {
		if
		:: HAS(batch[b].votes, i) -> vote[i].place = length[into]
		:: else
		fi
	}
	append(b, into);
	into = 0;
	i = 0
}

inline refused(b)
{
	for (i : 0 .. VOTES - 1) {
		if
		:: HAS(batch[b].votes, i) -> gone(i)
		:: else
		fi
	}
	batch[b].state = NONE;
	batch[b].votes = 0;
	batch[b].partition = 0;
	mine = mine & ~(1 << b);
	i = 0
}

/* What was in flight when a connection is lost is unknown: nobody reads its confirm any more. */
inline unknown(b)
{
	for (i : 0 .. VOTES - 1) {
		if
		:: HAS(batch[b].votes, i) -> vote[i].age = 0
		:: else
		fi
	}
	batch[b].state = SETTLED;
	i = 0
}

#if VOTES > 2
#define ANY_IN_TIME(b) (IN_TIME(b, 0) || IN_TIME(b, 1) || IN_TIME(b, 2))
#else
#define ANY_IN_TIME(b) (IN_TIME(b, 0) || IN_TIME(b, 1))
#endif
#define READABLE(b) (HAS(mine, b) && (batch[b].state == LOGGED || batch[b].state == RETURNED) && ANY_IN_TIME(b))

proctype replica(byte r; chan wire; chan dead)
{
	byte i, b, into;
	byte mine; /* batches of the connection */
end:	do
	/*
	 * Read what is displayed. That the lease begins before the read does makes what is read newer, never older. To have read
	 * that something else is displayed is as good as not to have read: no vote is accepted.
	 */
	:: d_step { version % 2 && (view[r] != version || viewAge[r] > 0) ->
		view[r] = version; viewAge[r] = 0; printf("replica %d reads version %d\n", r, version) }

	:: d_step { r == 0 && vote[0].state == IDLE && view[r] % 2 -> accept(0, r) } /* the replicas are alike: call this one 0 */
#if PRESENTATIONS == 1 || VOTES > 2
	:: d_step { ASKED_AGAIN && vote[1].state == IDLE && view[r] % 2 -> accept(1, r) }
#endif
#if PRESENTATIONS > 1
	:: d_step { vote[VOTES - 1].state == IDLE -> acceptElsewhere(VOTES - 1, r) }
#elif VOTES > 2
	:: d_step { vote[2].state == IDLE && view[r] % 2 -> accept(2, r) }
#endif
	/* Write a batch. */
	:: d_step { ANY_WAITS_FOR(r, 0) -> write(r, 0, wire) }
#if PARTITIONS > 1
	:: d_step { ANY_WAITS_FOR(r, 1) -> write(r, 1, wire) }
#endif

	/* The broker takes what the connection brings, in order, or refuses it, or cannot route it. */
	:: d_step { len(wire) > 0 -> wire?b; batch[b].state = LOGGED; logged(b); b = 0 }
	:: d_step { len(wire) > 0 -> wire?b;
#ifdef NO_RETURNS
		batch[b].state = RETURNED;
		printf("batch %d is returned\n", b + 1);
#else
		refused(b);
#endif
		b = 0 }

	/* Confirms are read at any time later; one that acknowledges nothing any more need not be. */
	:: d_step { READABLE(0) -> confirmed(0); mine = mine & ~(1 << 0) }
	:: d_step { READABLE(1) -> confirmed(1); mine = mine & ~(1 << 1) }
#if VOTES > 2
	:: d_step { READABLE(2) -> confirmed(2); mine = mine & ~(1 << 2) }
#endif

	/* The connection is lost. What it carried may still get through, in its order, or any rest of it may not. */
	:: d_step { losses[r] < LOSSES && len(wire) > 0 ->
		losses[r]++;
		printf("replica %d loses its connection\n", r);
		do
		:: len(wire) > 0 -> wire?b; dead!b
		:: else -> break
		od;
		for (b : 0 .. VOTES - 1) {
			if
			:: HAS(mine, b) -> unknown(b)
			:: else
			fi
		}
		mine = 0;
		b = 0
	   }
	:: d_step { len(dead) > 0 -> dead?b; logged(b); b = 0 }
	od
}

/* One more entry of what was delivered joins the transaction. */
#define GATHER(p) d_step { to[p] < UNTIL(me, p) -> ADD(ids, ENTRY(p, to[p])); to[p]++ }
#define GATHERED(p) (to[p] > next[AT(me, p)])

/* The polls that a transaction is about. */
#if PRESENTATIONS > 1
#define ABOUT(q) GATHERED(stored[q])
#define FREE_POLLS ((!ABOUT(0) || FREE_POLL(0)) && (!ABOUT(1) || FREE_POLL(1)))
#else
#define ABOUT(q) true
#define FREE_POLLS FREE_POLL(0)
#endif

/*
 * A worker. Each label between two steps is a place where it may be stopped for as long as anything else takes, and where
 * its transaction may be rolled back (a crash, a time-out, a restart of the database).
 */
inline rollback()
{
	for (j : 0 .. PARTITIONS + PRESENTATIONS - 1) {
		if
		:: holder[j] == me + 1 -> holder[j] = 0
		:: else
		fi
	}
	for (j : 0 .. PARTITIONS - 1) { to[j] = 0 }
	for (j : 0 .. PRESENTATIONS - 1) { oTally[j] = 0 }
	j = 0;
	waits[me] = 0;
	inserting[me] = 0;
	ids = 0; fresh = 0; oStatus = 0; oOpened = 0; oSealed = 0; oRow[0] = 0; oRow[1] = 0
}

inline readRows()
{
	for (i : 0 .. 1) {
		if
		:: ABOUT(PRESENTATION(i)) -> oRow[i] = row[i]
		:: else
		fi
	}
	i = 0
}

inline learn(p)
{
	printf("worker %d learns that it was given up in partition %d\n", me, p);
	zombie[AT(me, p)] = false; delivered[AT(me, p)] = 0; next[AT(me, p)] = 0
}

inline rolledBack()
{
	printf("worker %d rolls back\n", me);
	rollback()
}

/* A worker that holds a row waits for another. Nobody waits for a worker that waits for it. */
inline waitFor(l)
{
	waits[me] = l + 1;
	assert(deadlock || holder[l] != 2 - me || waits[1 - me] == 0 || holder[waits[1 - me] - 1] != me + 1)
}

byte inserting[2]; /* ids that a transaction has inserted and not committed */

/* One entry of the log, as the ledger walks it. */
inline walk(e)
{
	if
	:: IS_SEAL(e) ->
		oSealed = MAX(oSealed, SEALED_BY(e));
		touched[0] = true;
		if
		:: oStatus == CLOSING && oOpened == SEALED_BY(e) -> oStatus = FINAL; printf("version %d is final\n", oOpened)
		:: else
		fi
	:: else ->
		for (i : 0 .. VOTES - 1) {
			if
			:: HAS(batch[e].votes, i) ->
				if
#ifndef NO_SEALED
				:: PRESENTATION(VOTER(i)) == 0 && vote[i].version <= oSealed ->
					/* a vote that was acknowledged is not late, unless it was counted before */
					assert(guarantee1 || HAS(counted, i) || !HAS(acknowledged, i));
					if
					:: HAS(counted, i)
					:: else -> ADD(late, i); printf("vote %d is late\n", i + 1)
					fi
#endif
				:: else ->
					if
					:: claim[VOTER(i)] && !REPLACES(i + 1, claim[VOTER(i)])
					:: else -> claim[VOTER(i)] = i + 1
					fi;
					printf("vote %d is counted or superseded: 204\n", i + 1);
					ADD(acknowledged, i)
				fi;
				ADD(counted, i)
			:: else
			fi
		}
	fi
}

#define RECOUNT(voter) (row[voter] -> 1 << 2 * (row[voter] - 1) : 0)

proctype worker(byte me)
{
	byte to[PARTITIONS]; /* the run is the entries of each partition from next to before to */
	byte ids, fresh;     /* the run's ids; those that were not recorded before */
	byte oStatus, oOpened, oSealed, oTally[PRESENTATIONS], oRow[2]; /* what the transaction has read */
	byte i, j, p, claim[2], kept[PARTITIONS];
	bool touched[PRESENTATIONS], changed, wasFinal;

idle:
end:	do
	/*
	 * Begin with what was delivered, any part of it, of one partition or of both, and with the lock on the first one's row.
	 * A transaction that failed may so be followed by one for each partition.
	 */
	:: atomic { MORE(me, 0) && holder[ROW(0)] == 0 ->
		LOCK_ROW(0);
		printf("worker %d begins a transaction\n", me);
		for (j : 0 .. PARTITIONS - 1) { to[j] = next[AT(me, j)] }
		j = 0;
		do
		:: GATHER(0)
		:: GATHERED(0) -> break
		od
#if PARTITIONS > 1
		do
		:: GATHER(1)
		:: break
		od
		if
		:: GATHERED(1) -> waitFor(ROW(1)); goto second
		:: else
		fi
#endif
	   };
		break
#if PARTITIONS > 1
	:: atomic { MORE(me, 1) && holder[ROW(1)] == 0 ->
		LOCK_ROW(1);
		printf("worker %d begins a transaction of partition 1\n", me);
		for (j : 0 .. PARTITIONS - 1) { to[j] = next[AT(me, j)] }
		j = 0;
		do
		:: GATHER(1)
		:: GATHERED(1) -> break
		od
#ifdef ANY_ORDER
		do
		:: GATHER(0)
		:: break
		od
		if
		:: GATHERED(0) -> waitFor(ROW(0)); goto second
		:: else
		fi
#endif
	   };
		break
#endif
	/* A zombie learns that its channel is gone, and waits in line again. */
	:: d_step { zombie[AT(me, 0)] -> learn(0) }
#if PARTITIONS > 1
	:: d_step { zombie[AT(me, 1)] -> learn(1) }
#endif
	od;

#if PARTITIONS > 1
	goto polls;
second:
	if
	:: d_step { holder[waits[me] - 1] == 0 -> LOCK_ROW(waits[me] - 1); waits[me] = 0 }
	:: d_step { true -> rolledBack() }; goto idle
	fi;
polls:
#endif
	/* The polls' states. Who holds one waits for no other: the partitions' rows keep workers apart. */
	if
	:: d_step { FREE_POLLS ->
		for (i : 0 .. PRESENTATIONS - 1) {
			if
			:: ABOUT(i) -> LOCK_POLL(i); oTally[i] = tally[i]
			:: else
			fi
		}
		i = 0;
		if
		:: ABOUT(0) -> oStatus = status; oOpened = opened; oSealed = sealed
		:: else
		fi;
#ifdef COARSE
		fresh = ids & ~recorded; ids = 0; readRows();
#endif
		printf("worker %d reads the polls' states\n", me) }
	:: d_step { true -> rolledBack() }; goto idle
	fi;

#ifndef COARSE /* nobody else touches these while the locks are held: in COARSE they are no places to be stopped at */
	/* Record the ids. One that another transaction has inserted and not committed has to be waited for. */
	if
#ifdef NO_BATCH_IDS
	:: d_step { true -> fresh = ids; ids = 0 }
#else
	:: d_step { (ids & inserting[1 - me]) == 0 -> fresh = ids & ~recorded; ids = 0; inserting[me] = fresh }
#endif
	:: d_step { true -> rolledBack() }; goto idle
	fi;

	if
	:: d_step { true -> readRows() }
	:: d_step { true -> rolledBack() }; goto idle
	fi;
#endif

	/* Write and commit. Nobody sees the writes before the commit, so they are one step. */
	if
	:: d_step { true ->
		wasFinal = (status == FINAL);
		for (p : 0 .. PARTITIONS - 1) {
			if
			:: GATHERED(p) -> printf("worker %d commits entries %d to %d of log %d\n", me, next[AT(me, p)], to[p] - 1, p)
			:: else
			fi;
			for (j : next[AT(me, p)] .. to[p] - 1) {
				if
				:: HAS(fresh, ENTRY(p, j)) -> walk(ENTRY(p, j)); fresh = fresh & ~(1 << ENTRY(p, j)); ADD(recorded, ENTRY(p, j))
				:: else
				fi
			}
		}
		for (i : 0 .. 1) {
			if
			:: claim[i] && (oRow[i] == 0 || REPLACES(claim[i], oRow[i])) ->
				touched[PRESENTATION(i)] = true;
				changed = changed || PRESENTATION(i) == 0;
				oTally[PRESENTATION(i)] = oTally[PRESENTATION(i)] + (1 << 2 * (claim[i] - 1)) -
					(oRow[i] -> 1 << 2 * (oRow[i] - 1) : 0);
				row[i] = claim[i];
				printf("voter %d has vote %d now\n", i, claim[i])
			:: else
			fi
		}
		/* what was final stays as it is, under its version */
		assert(guarantee3 || !(wasFinal && changed));
		if
		:: touched[0] ->
			assert(guarantee3 || !(wasFinal && (oStatus != FINAL || oTally[0] != tally[0])));
			status = oStatus; opened = oOpened; sealed = oSealed; tally[0] = oTally[0]
		:: else
		fi;
#if PRESENTATIONS > 1
		if
		:: touched[1] -> tally[1] = oTally[1]
		:: else
		fi;
#endif
		/* a poll is what the presenter made of it */
		assert(guarantee3 || (version % 2) == (status == OPEN));
		/* the tally is a recount */
#if PRESENTATIONS > 1
		assert(guarantee4 || tally[0] == RECOUNT(0) && tally[1] == RECOUNT(1));
#else
		assert(guarantee4 || tally[0] == RECOUNT(0) + RECOUNT(1));
#endif
		/* what was acknowledged stands, it or a later one; what was told 409 does not */
		for (i : 0 .. VOTES - 1) {
			assert(guarantee1 || !(HAS(acknowledged, i) && HAS(counted, i)) ||
				row[VOTER(i)] && NOT_EARLIER(row[VOTER(i)], i + 1));
			assert(guarantee1 || !HAS(late, i) || row[VOTER(i)] != i + 1)
		}
		/* the transaction's end */
		for (p : 0 .. PARTITIONS - 1) { kept[p] = to[p] }
		rollback();
		for (p : 0 .. PARTITIONS - 1) { to[p] = kept[p]; kept[p] = 0 }
		for (i : 0 .. PRESENTATIONS - 1) { touched[i] = false }
		claim[0] = 0; claim[1] = 0; i = 0; j = 0; p = 0; changed = false; wasFinal = false
	   }
	:: d_step { true -> rolledBack() }; goto idle
	fi;

	/*
	 * Acknowledge, in each partition what the transaction had. From a dead channel that does nothing. A worker that was not
	 * told of its commit does it all again.
	 */
	if
#if UNHEARD
	:: d_step { true -> printf("worker %d does not hear of its commit\n", me); for (p : 0 .. PARTITIONS - 1) { to[p] = 0 } p = 0 }
#endif
	:: d_step { true ->
		printf("worker %d acknowledges\n", me);
		for (p : 0 .. PARTITIONS - 1) {
#ifdef ACK_ALL
			to[p] = UNTIL(me, p);
#endif
			next[AT(me, p)] = to[p];
			to[p] = 0;
			if
			:: me == consumer[p] ->
				/* what leaves the log is counted */
				for (j : head[p] .. next[AT(me, p)] - 1) { assert(guarantee1 || HAS(recorded, ENTRY(p, j))) }
				head[p] = next[AT(me, p)]
			:: else
			fi
		}
		j = 0;
		p = 0
	   }
	fi;
	goto idle
}

inline takeOver(p)
{
	printf("the broker gives up on worker %d in partition %d and goes on with the other\n", consumer[p], p);
	zombie[AT(consumer[p], p)] = true;
	delivered[AT(consumer[p], p)] = length[p];
	consumer[p] = 1 - consumer[p];
#ifdef OVERTAKE
	next[AT(consumer[p], p)] = length[p] /* what is unacknowledged comes later, with the zombie or never */
#else
	next[AT(consumer[p], p)] = head[p]
#endif
}

/* The broker gives a partition to the other worker, who gets everything again that was not acknowledged. */
proctype failover()
{
end:	do
	:: d_step { takeovers < TAKEOVERS && !zombie[AT(1 - consumer[0], 0)] -> takeovers++; takeOver(0) }
#if PARTITIONS > 1
	:: d_step { takeovers < TAKEOVERS && !zombie[AT(1 - consumer[1], 1)] -> takeovers++; takeOver(1) }
	/* a worker's connection is given up, and so both */
	:: d_step { takeovers < TAKEOVERS && consumer[0] == consumer[1] &&
		!zombie[AT(1 - consumer[0], 0)] && !zombie[AT(1 - consumer[1], 1)] -> takeovers++; takeOver(0); takeOver(1) }
#endif
	od
}

init
{
	atomic {
#if PRESENTATIONS > 1
		stored[1] = 1;
#elif PARTITIONS > 1
		/* Who makes a presentation stores the partition that the hash gives by its own setting. */
		if
		:: stored[0] = 0
		:: stored[0] = 1
		fi;
#endif
		run clock();
		run presenter();
		run sealer();
		run failover();
		run replica(0, wire0, dead0);
#if REPLICAS > 1
		run replica(1, wire1, dead1);
#endif
		run worker(0);
		run worker(1)
	}
}
