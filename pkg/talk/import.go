package talk

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"time"

	"github.com/google/uuid"

	"github.com/plenary-live/plenary/pkg/access"
	"github.com/plenary-live/plenary/pkg/bus"
	"github.com/plenary-live/plenary/pkg/fault"
)

// Origin says where an imported talk is from. The zero Origin is that of all others.
type Origin struct {
	// Importer is Importer.Hash of who imported it first. It is zero where an account has given
	// away what it had imported.
	Importer [32]byte
	Source   string // what the file calls it
}

// Importer is who imports a programme: an account, or the holder of a token.
type Importer struct {
	Account uuid.UUID // Nil: the token's holder
	// Token is of 256 random bits, or what a client took for them. The tokens of the talks follow
	// from it.
	Token string
}

// Hash is by what an importer's talks are known: the token's SHA-256. Of an account it is what no
// token hashes to, and not what stands for its ownership, which it may give away.
func (i *Importer) Hash() [32]byte {
	if i.Account != uuid.Nil {
		return ofAccount(i.Account)
	}
	return sha256.Sum256([]byte(i.Token))
}

func ofAccount(account uuid.UUID) [32]byte {
	owner := access.OfAccount(account)
	return sha512.Sum512_256(owner[:])
}

// talkToken gives the token of a talk that the holder of a token imports. Whoever has it learns
// nothing of that token or of another talk's.
func (i *Importer) talkToken(source string) (token string, hash [32]byte) {
	mac := hmac.New(sha256.New, []byte(i.Token))
	mac.Write([]byte(source))
	token = base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
	return token, sha256.Sum256([]byte(token))
}

// Item is a talk of a file.
type Item struct {
	Source         string
	Title, Speaker string
	StartsAt       time.Time
	EndsAt         time.Time
	// Name gives what the file calls a field of ours, for errors.
	Name func(field string) string
}

// into puts what a file says into a talk. What its owner has set stays. Errors are of the kind
// Invalid, in the file's names.
func (i *Item) into(t *Talk) error {
	t.Title, t.Speaker, t.StartsAt, t.EndsAt = i.Title, i.Speaker, i.StartsAt, i.EndsAt
	var wrongs fault.Wrongs
	if err := wrongs.NoteAs(t.Check(), i.Name); err != nil {
		return err
	}
	return wrongs.Err()
}

// Outcome of an item.
const (
	Created   = "created"
	Updated   = "updated"
	Unchanged = "unchanged"
)

// Imported is what became of an item.
type Imported struct {
	Talk
	Token   string // empty: it was told to whoever imported the talk first
	Outcome string
}

// Import writes the talks of a file, all of them or none. A talk that the importer has imported
// before under the same source is updated, and so is one that it came to own. What the file does
// not say stays, such as settings and ratings. Others are made. What is gone from the file stays.
// Errors: Invalid, which names all that is wrong in the file's names, and the store's.
func (s *Service) Import(ctx context.Context, by Importer, items []Item) ([]Imported, error) {
	if err := checkItems(items); err != nil {
		return nil, err
	}
	if by.Account != uuid.Nil { // whose session proves who it is: each import's tokens are new
		by.Token, _ = access.NewToken()
	}
	var all []Imported
	var err error
	for range codeTries { // of which another import may have taken one, or made the same talks
		all, err = s.importOnce(ctx, by, items)
		if !fault.Is(err, fault.Conflict) {
			break
		}
	}
	if err != nil {
		return nil, err
	}
	changes := []bus.Change{{Thing: Programme}}
	for i := range all {
		if all[i].Outcome == Updated {
			changes = append(changes, bus.Change{Thing: all[i].ID})
		}
	}
	s.tell(ctx, changes)
	return all, nil
}

// checkItems checks all that needs no look-up.
func checkItems(items []Item) error {
	var wrongs fault.Wrongs
	known := map[string]bool{}
	for i := range items {
		item := &items[i]
		if known[item.Source] {
			wrongs.Add(item.Name("source"), "is there twice")
		}
		known[item.Source] = true
		if err := wrongs.Note(item.into(&Talk{})); err != nil {
			return err
		}
	}
	return wrongs.Err()
}

func (s *Service) importOnce(
	ctx context.Context, by Importer, items []Item,
) (all []Imported, err error) {
	sources := make([]string, len(items))
	for i := range items {
		sources[i] = items[i].Source
	}
	err = s.Store.Import(ctx, by, sources, func(found []Talk) (made, edited []Talk, err error) {
		all = make([]Imported, len(items))
		first := make(map[string]*Talk, len(found)) // of a source
		for i := range found {
			if _, ok := first[found[i].Source]; !ok {
				first[found[i].Source] = &found[i]
			}
		}
		var wrongs fault.Wrongs
		for i := range items {
			was := first[items[i].Source]
			if err := wrongs.Note(s.merge(&all[i], by, &items[i], was)); err != nil {
				return nil, nil, err
			}
			switch all[i].Outcome {
			case Created:
				made = append(made, all[i].Talk)
			case Updated:
				edited = append(edited, all[i].Talk)
			}
		}
		return made, edited, wrongs.Err()
	})
	return all, err
}

// merge makes of an item a new talk, or another state of the one that was found; nil: none was.
func (s *Service) merge(into *Imported, by Importer, item *Item, was *Talk) error {
	token, hash := by.talkToken(item.Source)
	if was == nil {
		t := Talk{
			Code: access.NewCode(), TokenHash: hash, Account: by.Account,
			Origin: Origin{by.Hash(), item.Source},
		}
		s.place(&t)
		*into = Imported{t, token, Created}
		return item.into(&into.Talk)
	}
	*into = Imported{*was, "", Unchanged}
	if into.TokenHash == hash {
		into.Token = token
	}
	err := item.into(&into.Talk)
	if into.Talk != *was {
		into.Outcome = Updated
	}
	return err
}

// Claim makes a talk an account's own, if allow, which sees the talk as it is, gives no error. Who
// imported it by another account does not find it by its source any more. NotFound.
func (s *Service) Claim(
	ctx context.Context, id, account uuid.UUID, allow func(*Talk) error,
) error {
	_, err := s.Edit(ctx, id, nil, func(t *Talk) error {
		if err := allow(t); err != nil {
			return err
		}
		if t.Account != account && t.Importer == ofAccount(t.Account) {
			t.Importer = [32]byte{}
		}
		t.Account = account
		return nil
	})
	return err
}
