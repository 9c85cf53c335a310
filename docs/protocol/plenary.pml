/*
 * The protocol of Plenary (voting, transitions, seals, counting) for spin. README.md in this folder says what is
 * modelled, what is left out, and what each run shows. Without a macro this is the protocol as it is; every NO_… macro
 * takes one rule out, and then there should be a counter-example.
 *
 * One presentation, one poll. It is displayed under the odd versions; under the even ones something else is, or it is
 * closed, which is the same to voters. Votes and seals go through one partition's log. There are two API replicas, two
 * workers, one database. An action is one atomic step of one process, so everything that may happen between two of its
 * steps does happen in some run: that includes being stopped there for any time.
 */

/* Bounds of a run. */
#ifndef VOTES
#define VOTES 2     /* requests of voters, 2 or 3: the first two are of voter 0, the third is of voter 1 */
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
byte tally;
byte row[2];
byte recorded;      /* ids of batches that were counted */
byte partitionRow;  /* who holds the lock: worker + 1, 0 nobody */
byte pollRow;

/* The log. An entry is the id of a batch (its first vote - 1) or of a seal. Nothing is removed: head is how far acks go. */
#define MAXSEALS (SEALS * (VERSIONS / 2))
#define MAXLOG (VOTES + MAXSEALS)
byte entries[MAXLOG];
byte length;
byte head;
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
typedef Batch { byte state; byte votes }
Batch batch[VOTES];

/* The replicas. wire is what a live connection carries, dead what one carries that the replica has lost. */
chan wire0 = [VOTES] of { byte };
chan wire1 = [VOTES] of { byte };
chan dead0 = [VOTES] of { byte };
chan dead1 = [VOTES] of { byte };
byte view[2];       /* the version that the replica believes in; 0: it has to read */
byte viewAge[2];
byte losses[2];

/* The workers. */
byte consumer;        /* who the broker delivers to */
byte takeovers;
bool zombie[2];     /* the broker has given up on the worker, and the worker does not know */
byte next[2];       /* first entry that the worker has not counted */
byte delivered[2];  /* for a zombie: how far it got entries */

/* What was promised, and what is only known to the model. */
byte acknowledged;  /* votes with a 204 or 202 */
byte late;          /* votes with a 409 behind their seal */
byte counted;       /* votes that a committed transaction decided on */

#define VOTER(i) ((i) / 2)          /* of vote number i + 1 */
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
bool guarantee1, guarantee2, guarantee3, guarantee4;

/* Time passes. */
active proctype clock()
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
active proctype presenter()
{
end:	do
#ifdef NO_POLL_ROW
	:: d_step { version < VERSIONS ->
#else
	:: d_step { version < VERSIONS && pollRow == 0 ->
#endif
		if
		:: version % 2 -> status = CLOSING
		:: else -> status = OPEN; opened = version + 1
		fi;
		version++;
		printf("the presenter makes version %d\n", version)
	   }
	od
}

inline append(entry)
{
	if
	:: IS_SEAL(entry) -> printf("the log takes a seal of version %d as entry %d\n", SEALED_BY(entry), length)
	:: else -> printf("the log takes batch %d as entry %d\n", entry + 1, length)
	fi;
	entries[length] = entry;
	length++
}

/*
 * Seals: the replica's after L + W + S whatever happened since, unless it died; the sweep's only for what is closing. How
 * long a seal travels makes no difference: it may enter the log at any time after that.
 */
active proctype sealer()
{
	end:	do
#if VERSIONS > 1
	:: d_step { version > 1 && !published[SEAL(1, 0) - VOTES] && since[1] >= REPLICA_WAIT ->
		published[SEAL(1, 0) - VOTES] = true; append(SEAL(1, 0)) }
#if SEALS > 1
	:: d_step { status == CLOSING && opened == 1 && !published[SEAL(1, 1) - VOTES] && since[1] >= SWEEP_WAIT ->
		published[SEAL(1, 1) - VOTES] = true; append(SEAL(1, 1)) }
#endif
#else
	:: false
#endif
#if VERSIONS > 3
	:: d_step { version > 3 && !published[SEAL(3, 0) - VOTES] && since[3] >= REPLICA_WAIT ->
		published[SEAL(3, 0) - VOTES] = true; append(SEAL(3, 0)) }
#if SEALS > 1
	:: d_step { status == CLOSING && opened == 3 && !published[SEAL(3, 1) - VOTES] && since[3] >= SWEEP_WAIT ->
		published[SEAL(3, 1) - VOTES] = true; append(SEAL(3, 1)) }
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

inline gone(i)
{
	printf("vote %d is refused\n", i + 1);
	vote[i].state = GONE; vote[i].age = 0; vote[i].version = 0; vote[i].via = 0; vote[i].batch = 0
}

/* A batch gets what waits: what is older than W is refused. Its id is its first vote. */
inline take(i, r)
{
	if
	:: vote[i].state == WAITING && vote[i].via == r ->
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
	for (i : 0 .. VOTES - 1) {
		if
		:: HAS(batch[b].votes, i) -> vote[i].place = length
		:: else
		fi
	}
	append(b);
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
	byte i, b;
	byte mine; /* batches of the connection */
end:	do
	/*
	 * Read what is displayed. That the lease begins before the read does makes what is read newer, never older. To have read
	 * that something else is displayed is as good as not to have read: no vote is accepted.
	 */
	:: d_step { version % 2 && (view[r] != version || viewAge[r] > 0) ->
		view[r] = version; viewAge[r] = 0; printf("replica %d reads version %d\n", r, version) }

	:: d_step { r == 0 && vote[0].state == IDLE && view[r] % 2 -> accept(0, r) } /* the replicas are alike: call this one 0 */
	:: d_step { ASKED_AGAIN && vote[1].state == IDLE && view[r] % 2 -> accept(1, r) }
#if VOTES > 2
	:: d_step { vote[2].state == IDLE && view[r] % 2 -> accept(2, r) }
#endif
	/* Write a batch. */
	:: d_step { (vote[0].state == WAITING && vote[0].via == r || vote[1].state == WAITING && vote[1].via == r
#if VOTES > 2
		|| vote[2].state == WAITING && vote[2].via == r
#endif
		) ->
		b = VOTES;
		for (i : 0 .. VOTES - 1) { take(i, r) }
		if
		:: b < VOTES -> batch[b].state = WIRE; ADD(mine, b); wire!b; printf("replica %d writes batch %d\n", r, b + 1)
		:: else
		fi;
		i = 0;
		b = 0
	   }

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

/*
 * A worker. Each label between two steps is a place where it may be stopped for as long as anything else takes, and where
 * its transaction may be rolled back (a crash, a time-out, a restart of the database).
 */
inline rollback()
{
	if
	:: partitionRow == me + 1 -> partitionRow = 0
	:: else
	fi;
	if
	:: pollRow == me + 1 -> pollRow = 0
	:: else
	fi;
	inserting[me] = 0;
	to = 0; ids = 0; fresh = 0; oStatus = 0; oOpened = 0; oSealed = 0; oTally = 0; oRow[0] = 0; oRow[1] = 0
}

inline rolledBack()
{
	printf("worker %d rolls back\n", me);
	rollback()
}

byte inserting[2]; /* ids that a transaction has inserted and not committed */

/* One entry of the log, as the ledger walks it. */
inline walk(e)
{
	if
	:: IS_SEAL(e) ->
		oSealed = MAX(oSealed, SEALED_BY(e));
		touched = true;
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
				:: vote[i].version <= oSealed ->
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

proctype worker(byte me)
{
	byte to;             /* the run is the entries from next to before to */
	byte ids, fresh;     /* the run's ids; those that were not recorded before */
	byte oStatus, oOpened, oSealed, oTally, oRow[2]; /* what the transaction has read */
	byte i, j, claim[2];
	bool touched, changed, wasFinal;

idle:
end:	do
	/* Begin with what was delivered, any part of it, and with the lock. */
	:: atomic { (partitionRow == 0 && (me == consumer && next[me] < length || zombie[me] && next[me] < delivered[me])) ->
#ifndef NO_PARTITION_ROW
		partitionRow = me + 1;
#endif
		to = next[me];
		printf("worker %d begins a transaction\n", me);
		do
		:: d_step { to < (zombie[me] -> delivered[me] : length) -> ADD(ids, entries[to]); to++ }
		:: to > next[me] -> break
		od
	   };
		break
	/* A zombie learns that its channel is gone, and waits in line again. */
	:: d_step { zombie[me] -> printf("worker %d learns that it was given up\n", me); zombie[me] = false; delivered[me] = 0; next[me] = 0 }
	od;

	if
#ifdef NO_POLL_ROW
	:: d_step { true ->
#else
	:: d_step { pollRow == 0 -> pollRow = me + 1;
#endif
#ifdef COARSE
		fresh = ids & ~recorded; ids = 0; oRow[0] = row[0]; oRow[1] = row[1];
#endif
		oStatus = status; oOpened = opened; oSealed = sealed; oTally = tally;
		printf("worker %d reads the poll's state, for entries %d to %d\n", me, next[me], to - 1) }
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
	:: d_step { true -> oRow[0] = row[0]; oRow[1] = row[1] }
	:: d_step { true -> rolledBack() }; goto idle
	fi;
#endif

	/* Write and commit. Nobody sees the writes before the commit, so they are one step. */
	if
	:: d_step { true ->
		printf("worker %d commits entries %d to %d\n", me, next[me], to - 1);
		wasFinal = (status == FINAL);
		changed = false;
		touched = false;
		for (j : next[me] .. to - 1) {
			if
			:: HAS(fresh, entries[j]) -> walk(entries[j]); fresh = fresh & ~(1 << entries[j]); ADD(recorded, entries[j])
			:: else
			fi
		}
		for (i : 0 .. 1) {
			if
			:: claim[i] && (oRow[i] == 0 || REPLACES(claim[i], oRow[i])) ->
				touched = true;
				changed = true;
				oTally = oTally + (1 << 2 * (claim[i] - 1)) - (oRow[i] -> 1 << 2 * (oRow[i] - 1) : 0);
				row[i] = claim[i];
				printf("voter %d has vote %d now\n", i, claim[i])
			:: else
			fi
		}
		/* what was final stays as it is, under its version */
		assert(guarantee3 || !(wasFinal && changed));
		if
		:: touched ->
			assert(guarantee3 || !(wasFinal && (oStatus != FINAL || oTally != tally)));
			status = oStatus; opened = oOpened; sealed = oSealed; tally = oTally
		:: else
		fi;
		/* a poll is what the presenter made of it */
		assert(guarantee3 || (version % 2) == (status == OPEN));
		/* the tally is a recount */
		assert(guarantee4 || tally == (row[0] -> 1 << 2 * (row[0] - 1) : 0) + (row[1] -> 1 << 2 * (row[1] - 1) : 0));
		/* what was acknowledged stands, it or a later one; what was told 409 does not */
		for (i : 0 .. VOTES - 1) {
			assert(guarantee1 || !(HAS(acknowledged, i) && HAS(counted, i)) ||
				row[VOTER(i)] && NOT_EARLIER(row[VOTER(i)], i + 1));
			assert(guarantee1 || !HAS(late, i) || row[VOTER(i)] != i + 1)
		}
		/* the transaction's end */
		j = to;
		rollback();
		to = j;
		claim[0] = 0; claim[1] = 0; i = 0; j = 0; touched = false; changed = false; wasFinal = false
	   }
	:: d_step { true -> rolledBack() }; goto idle
	fi;

	/* Acknowledge. From a dead channel that does nothing. */
	d_step { true ->
		printf("worker %d acknowledges\n", me);
		next[me] = to;
		to = 0;
		if
		:: me == consumer ->
			for (j : head .. next[me] - 1) { assert(guarantee1 || HAS(recorded, entries[j])) } /* what leaves the log is counted */
			head = next[me];
			j = 0
		:: else
		fi
	};
	goto idle
}

/* The broker gives the partition to the other worker, who gets everything again that was not acknowledged. */
active proctype failover()
{
end:	do
	:: d_step { takeovers < TAKEOVERS && !zombie[1 - consumer] ->
		takeovers++;
		printf("the broker gives up on worker %d and goes on with the other\n", consumer);
		zombie[consumer] = true;
		delivered[consumer] = length;
		consumer = 1 - consumer;
#ifdef OVERTAKE
		next[consumer] = length /* what is unacknowledged comes later, with the zombie or never */
#else
		next[consumer] = head
#endif
	   }
	od
}

init
{
	atomic {
		run replica(0, wire0, dead0);
		run replica(1, wire1, dead1);
		run worker(0);
		run worker(1)
	}
}
