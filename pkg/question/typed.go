package question

import (
	"net/mail"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/language"
	"golang.org/x/text/unicode/norm"

	"github.com/plenary-live/plenary/pkg/fault"
)

// The kinds whose answers are one line that stands for a value. Polls have none of them.
const (
	Number Kind = "number" // with at most MaxDecimals decimals, within MaxNumber
	Date   Kind = "date"   // of the Gregorian calendar, as 2006-01-02
	Email  Kind = "email"
	Phone  Kind = "phone" // an international number, as +41791234567 (E.164)
)

// Bounds of values.
const (
	MaxNumber   = 1_000_000_000_000 // and as much below 0
	MaxDecimals = 6
	MaxEmail    = 254 // bytes, after RFC 5321
	LeastPhone  = 7   // digits
	MaxPhone    = 15  // digits, after E.164

	// Micros is how many steps of a number make one.
	Micros = 1_000_000
)

// Typed says whether an answer is one line that stands for a value.
func (k Kind) Typed() bool { return k == Number || k == Date || k == Email || k == Phone }

// Clean makes the answer of what somebody wrote to a question of a Typed kind. Two texts that stand
// for one value make one answer. Errors are of the kind Invalid and name the field.
func (k Kind) Clean(field, text string) (Answer, error) {
	text = strings.TrimSpace(text)
	if text == "" {
		return "", fault.Field(field, "must not be empty")
	}
	switch k {
	case Number:
		n, ok := parseNumber(text)
		if !ok {
			return "", fault.Field(field, "must be a number such as 12 or -3.5, at most %d, with "+
				"at most %d decimals", int64(MaxNumber), MaxDecimals)
		}
		return NumberAnswer(n), nil
	case Date:
		day, err := time.Parse(time.DateOnly, text)
		if err != nil || day.Year() < 1 {
			return "", fault.Field(field, "must be a date such as 2024-12-31")
		}
		return Answer(text), nil
	case Email:
		email, err := CleanEmail(field, text)
		return Answer(email), err
	case Phone:
		phone, ok := parsePhone(text)
		if !ok {
			return "", fault.Field(field, "must be a telephone number with its country, such as "+
				"+41 79 123 45 67")
		}
		return Answer(phone), nil
	}
	return "", fault.Field(field, "takes no value")
}

// parseNumber gives a number in steps of 1 / Micros.
func parseNumber(text string) (micros int64, ok bool) {
	digits, negative := strings.CutPrefix(text, "-")
	if !negative {
		digits = strings.TrimPrefix(digits, "+")
	}
	whole, decimals, point := strings.Cut(digits, ".")
	decimals = strings.TrimRight(decimals, "0")
	if whole == "" || point && strings.HasSuffix(text, ".") || len(decimals) > MaxDecimals ||
		!onlyDigits(whole) || !onlyDigits(decimals) {
		return 0, false
	}
	decimals += strings.Repeat("0", MaxDecimals-len(decimals))
	if whole = strings.TrimLeft(whole, "0"); len(whole) > len("1000000000000") {
		return 0, false
	}
	micros, err := strconv.ParseInt(whole+decimals, 10, 64)
	if err != nil || micros > MaxNumber*Micros {
		return 0, false
	}
	if negative {
		micros = -micros
	}
	return micros, true
}

func onlyDigits(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return r < '0' || r > '9' }) < 0
}

// NumberAnswer gives the answer that a number is, in steps of 1 / Micros.
func NumberAnswer(micros int64) Answer {
	sign := ""
	if micros < 0 {
		sign, micros = "-", -micros
	}
	text := sign + strconv.FormatInt(micros/Micros, 10)
	if rest := micros % Micros; rest != 0 {
		decimals := strconv.FormatInt(Micros+rest, 10)[1:]
		text += "." + strings.TrimRight(decimals, "0")
	}
	return Answer(text)
}

// Number gives the number that an answer stands for, in steps of 1 / Micros, if it is one.
func (a Answer) Number() (micros int64, ok bool) { return parseNumber(string(a)) }

// trunk is how some write the 0 that is dialled within a country alone.
const trunk = "(0)"

// parsePhone gives a number of a telephone as E.164 has it.
func parsePhone(text string) (string, bool) {
	text = strings.Replace(text, trunk, "", 1)
	if rest, ok := strings.CutPrefix(text, "00"); ok {
		text = "+" + rest
	}
	rest, ok := strings.CutPrefix(text, "+")
	if !ok {
		return "", false
	}
	digits := without(rest, func(r rune) bool { return strings.ContainsRune(" -./()\u00a0", r) })
	if len(digits) < LeastPhone || len(digits) > MaxPhone || !onlyDigits(digits) ||
		digits[0] == '0' {
		return "", false
	}
	return "+" + digits, true
}

// CleanEmail gives an e-mail address the form in which it is stored and compared: in lower case,
// and composed (NFC). Letters go to that form. So it differs in nothing else from what was typed:
// "straße" and "strasse" are two people's. Errors are of the kind Invalid and name the field.
func CleanEmail(field, typed string) (string, error) {
	typed = strings.TrimSpace(typed)
	switch {
	case typed == "":
		return "", fault.Field(field, "must not be empty")
	case len(typed) > MaxEmail:
		return "", fault.Field(field, "must have at most %d bytes", MaxEmail)
	case !utf8.ValidString(typed) || strings.ContainsFunc(typed, NotInEmail):
		return "", fault.Field(field, "must be an e-mail address")
	}
	email := norm.NFC.String(cases.Lower(language.Und).String(typed))
	parsed, err := mail.ParseAddress(email)
	if err != nil || parsed.Address != email || len(email) > MaxEmail {
		return "", fault.Field(field, "must be an e-mail address")
	}
	return email, nil
}

// NotInEmail tells signs that no address holds: those that nobody sees, and those of quoted names.
func NotInEmail(r rune) bool {
	return unicode.IsSpace(r) || unicode.IsControl(r) || unicode.Is(unicode.Cf, r) ||
		r == utf8.RuneError || strings.ContainsRune(`"<>(),;:\`, r)
}
