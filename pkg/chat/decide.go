package chat

import "github.com/google/uuid"

// take decides one item, and records its id if that is a client's and the item had its effect.
func (l *Ledger) take(b *Batch, i *Item) Result {
	app := l.apps[i.App]
	if app == nil {
		return Result{Verdict: AppGone}
	}
	if number, ok := l.numbered[i.ID]; ok && i.Keyed {
		return Result{Before, number}
	}
	if l.known[i.ID] && i.Keyed {
		return Result{Verdict: Done}
	}
	r := l.decide(b, app, i)
	switch {
	case !i.Keyed:
	case r.withNumber():
		l.numbered[i.ID] = r.Number
	case r.Verdict == Done:
		l.known[i.ID] = true
		l.settled.IDs = append(l.settled.IDs, i.ID)
	}
	return r
}

func (l *Ledger) decide(b *Batch, app *Counted, i *Item) Result {
	switch i.Action {
	case Make:
		return l.open(app, i)
	case React:
		return l.react(app, i)
	}
	c := l.chats[i.place()]
	switch {
	case c == nil:
		return Result{Verdict: ChatGone}
	case i.Action == Post:
		return l.post(c, i)
	}
	m := l.messages[i.target()]
	switch {
	case m == nil:
		return Result{Verdict: MessageGone}
	case m.State == Deleted && i.Action == Delete:
		return Result{Verdict: Done}
	case m.State == Deleted:
		return Result{Verdict: MessageDeleted}
	}
	return Result{Verdict: l.change(b, m, i)}
}

// open makes a chat, with the next number of its application.
func (l *Ledger) open(app *Counted, i *Item) Result {
	if app.Chats >= MaxChats {
		return Result{Verdict: TooManyChats}
	}
	app.Chats++
	l.grown[app.ID] = true
	c := &chatState{isNew: true, Chat: Chat{
		ID: i.ID, App: app.ID, Number: app.Chats, Kind: i.Kind, At: i.At,
		Settings: Settings{Title: i.Body, Moderated: i.Moderated},
	}}
	l.chats[Place{app.ID, app.Chats}] = c
	l.touch(c)
	return Result{Numbered, c.Number}
}

// post makes a message, with the next number of its chat.
func (l *Ledger) post(c *chatState, i *Item) Result {
	if c.Closed {
		return Result{Verdict: ChatClosed}
	}
	r := Result{Verdict: Numbered}
	m := &messageState{chat: c, isNew: true, Message: Message{
		Chat: c.ID, ID: i.ID, Person: i.Person, Author: i.Author, Body: i.Body,
		At: i.At, State: Shown, Question: c.Kind == Questions,
	}}
	if c.Moderated && !i.Trusted {
		m.State, r.Verdict = Waiting, Held
	}
	c.Last++
	c.Messages++
	c.shown(m.State, 1)
	m.Number, r.Number = c.Last, c.Last
	l.messages[Target{i.place(), m.Number}] = m
	l.alter(m)
	return r
}

// shown moves the count of shown messages where a state is that.
func (c *chatState) shown(s State, by int64) {
	if s == Shown {
		c.Counts.Shown += by
	}
}

// become gives a message a state.
func (m *messageState) become(s State) {
	m.chat.shown(m.State, -1)
	m.chat.shown(s, 1)
	m.State = s
}

// change is an action on a message that is there.
func (l *Ledger) change(b *Batch, m *messageState, i *Item) Verdict {
	own := i.Trusted || m.Person == i.Person
	switch i.Action {
	case Edit:
		if !own {
			return NotTheAuthor
		}
		return l.edit(b, m, i)
	case Delete:
		if !own {
			return NotTheAuthor
		}
		l.erase(m)
	case Mark:
		return l.mark(b, m, i)
	case Upvote, Unvote:
		return l.upvote(b, m, i)
	}
	return Done
}

// edit gives a message another body. The last one in the log stands. What an operator put back into
// the log stands behind a later edit. An edit of what a moderator let be shown waits again.
func (l *Ledger) edit(b *Batch, m *messageState, i *Item) Verdict {
	switch {
	case m.chat.Closed && !i.Trusted:
		return ChatClosed
	case m.Body == i.Body, b.Replayed && m.EditedAt > i.At:
		return Done
	case m.Edits >= MaxEdits:
		return TooManyEdits
	}
	old := Version{Edit: m.Edits, Body: m.Body, At: m.At}
	if m.Edits > 0 {
		old.At = m.EditedAt
	}
	m.versions = append(m.versions, old)
	m.Body, m.EditedAt, m.rewritten = i.Body, i.At, true
	m.Edits++
	if m.chat.Moderated && !i.Trusted && m.State == Shown {
		m.become(Waiting)
	}
	l.alter(m)
	return Done
}

// erase leaves the number of a message, and the id by which a retry finds it.
func (l *Ledger) erase(m *messageState) {
	m.become(Deleted)
	m.chat.Messages--
	m.Message = Message{
		Chat: m.Chat, Number: m.Number, ID: m.ID, At: m.At, State: Deleted, Question: m.Question,
	}
	m.versions, m.rewritten = nil, true
	l.alter(m)
}

// mark has no effect where an operator put it back into the log: a later one may stand.
func (l *Ledger) mark(b *Batch, m *messageState, i *Item) Verdict {
	switch {
	case !i.Trusted:
		return NotTheAuthor
	case i.Marks&(Answer|Reopen) != 0 && !m.Question:
		return NoQuestion
	case b.Replayed:
		return Done
	}
	before := m.Message
	for _, mark := range []struct {
		is Marks
		do func()
	}{
		{Show, func() { m.become(Shown) }},
		{Hide, func() { m.become(Hidden) }},
		{Pin, func() { m.Pinned = true }},
		{Unpin, func() { m.Pinned = false }},
		{Answer, func() { m.Answered = true }},
		{Reopen, func() { m.Answered = false }},
	} {
		if i.Marks&mark.is != 0 {
			mark.do()
		}
	}
	if m.Message != before {
		l.alter(m)
	}
	return Done
}

// upvote gives a vote for what everybody sees, or takes it back. A vote is not taken back by what
// an operator put back into the log.
func (l *Ledger) upvote(b *Batch, m *messageState, i *Item) Verdict {
	up := i.Action == Upvote
	switch {
	case m.State != Shown:
		return MessageGone
	case m.chat.Closed:
		return ChatClosed
	case b.Replayed && !up:
		return Done
	}
	v := l.vote(i.upvoter())
	if v.is == up {
		return Done
	}
	if v.is = up; up {
		m.Votes++
	} else {
		m.Votes--
	}
	if !v.listed {
		v.listed = true
		l.moved = append(l.moved, v)
	}
	l.alter(m)
	return Done
}

// react counts a reaction.
func (l *Ledger) react(app *Counted, i *Item) Result {
	if !app.Reactions {
		return Result{Verdict: ReactionsOff}
	}
	slide := [2]uuid.UUID{app.ID, i.Slide}
	if l.reactions[slide] == nil {
		l.reactions[slide] = &Reactions{}
	}
	l.reactions[slide][i.Emoji]++
	return Result{Verdict: Done}
}

func (l *Ledger) touch(c *chatState) {
	if !c.touched {
		c.touched = true
		l.touched = append(l.touched, c)
	}
}

func (l *Ledger) alter(m *messageState) {
	l.touch(m.chat)
	if !m.changed {
		m.changed = true
		l.changed = append(l.changed, m)
	}
}
