package form

import (
	"encoding/json"

	"github.com/google/uuid"

	"github.com/plenary-live/plenary/pkg/question"
)

// What stores keep of questions, rules, answers and flags is JSON. Names are short: a form may have
// hundreds of them. None of them ever means anything else.
type (
	keptDefinition struct {
		Questions []keptQuestion `json:"questions"`
		Rules     []keptRule     `json:"rules,omitempty"`
	}
	keptQuestion struct {
		ID         uuid.UUID      `json:"id"`
		Text       string         `json:"text"`
		Kind       question.Kind  `json:"kind"`
		MaxChoices int            `json:"max,omitempty"`
		Banned     []string       `json:"banned,omitempty"`
		Options    []keptOption   `json:"options,omitempty"`
		Help       string         `json:"help,omitempty"`
		Mandatory  bool           `json:"mandatory,omitempty"`
		ShowIf     *keptCondition `json:"if,omitempty"`
		Closed     bool           `json:"closed,omitempty"`
	}
	keptOption struct {
		Key   string `json:"k"`
		Value string `json:"v"`
	}
	keptCondition struct {
		Question uuid.UUID `json:"on"`
		Equals   string    `json:"equals,omitempty"`
		Contains string    `json:"contains,omitempty"`
	}
	keptRule struct {
		ID      uuid.UUID  `json:"id"`
		Left    uuid.UUID  `json:"left"`
		Is      Comparison `json:"is"`
		Right   uuid.UUID  `json:"right"`
		Message string     `json:"message,omitempty"`
	}
)

// Encode gives what is kept of a definition.
func (d *Definition) Encode() string {
	kept := keptDefinition{Questions: make([]keptQuestion, len(d.Questions))}
	for i := range d.Questions {
		q := &d.Questions[i]
		one := keptQuestion{
			ID: q.ID, Text: q.Text, Kind: q.Kind, MaxChoices: q.MaxChoices, Banned: q.Banned,
			Help: q.Help, Mandatory: q.Mandatory, ShowIf: (*keptCondition)(q.ShowIf),
			Closed: q.Closed,
		}
		for _, o := range q.Options {
			one.Options = append(one.Options, keptOption(o))
		}
		kept.Questions[i] = one
	}
	for _, r := range d.Rules {
		kept.Rules = append(kept.Rules, keptRule(r))
	}
	return encoded(kept)
}

// DecodeDefinition reads what Encode gave.
func DecodeDefinition(text string) (d Definition, err error) {
	var kept keptDefinition
	if err := json.Unmarshal([]byte(text), &kept); err != nil {
		return Definition{}, err
	}
	for i := range kept.Questions {
		k := &kept.Questions[i]
		options := make([]question.Option, len(k.Options))
		for j, o := range k.Options {
			options[j] = question.Option(o)
		}
		d.Questions = append(d.Questions, Question{
			ID: k.ID, Help: k.Help, Mandatory: k.Mandatory, ShowIf: (*Condition)(k.ShowIf),
			Closed: k.Closed,
			Question: question.Question{
				Text: k.Text, Kind: k.Kind, MaxChoices: k.MaxChoices, Banned: k.Banned,
				Options: options,
			},
		})
	}
	for _, r := range kept.Rules {
		d.Rules = append(d.Rules, Rule(r))
	}
	return d, nil
}

// Encode gives what is kept of answers. The same answers give the same.
func (a Answers) Encode() string { return encoded(a) }

// DecodeAnswers reads what Encode gave.
func DecodeAnswers(text string) (a Answers, err error) {
	err = json.Unmarshal([]byte(text), &a)
	return a, err
}

// EncodeFlags gives what is kept of the rules that a response breaks.
func EncodeFlags(flags []uuid.UUID) string {
	if len(flags) == 0 {
		return ""
	}
	return encoded(flags)
}

// DecodeFlags reads what EncodeFlags gave.
func DecodeFlags(text string) (flags []uuid.UUID, err error) {
	if text != "" {
		err = json.Unmarshal([]byte(text), &flags)
	}
	return flags, err
}

func encoded(v any) string {
	b, err := json.Marshal(v)
	if err != nil { // it holds texts, numbers and lists of them
		panic(err)
	}
	return string(b)
}
