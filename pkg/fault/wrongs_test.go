package fault

import (
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAllFieldsThatAreWrongAreNamedAndTheFirstOneIsTheError(t *testing.T) {
	var w Wrongs
	require.NoError(t, w.Err())
	w.Add("title", "must not be empty")
	require.Equal(t, Field("title", "must not be empty"), w.Err(), "one alone is as it always was")
	w.Add("value", "must be %d to %d", 1, 5)
	w.Add("title", "must be short")
	err := w.Err()
	require.Equal(t, &Error{Code: Invalid, Field: "title", Detail: "must not be empty",
		Wrongs: Wrongs{{"title", "must not be empty"}, {"value", "must be 1 to 5"}}}, err)
	require.Equal(t, "invalid: title: must not be empty (and 1 fields more)", err.Error())

	var other Wrongs
	require.NoError(t, other.NoteAs(err, func(f string) string { return "talks[3]." + f }))
	require.NoError(t, other.Note(Field("title", "is missing")))
	require.Equal(t, Wrongs{{"talks[3].title", "must not be empty"},
		{"talks[3].value", "must be 1 to 5"}, {"title", "is missing"}}, other)
}

func TestWhatIsAboutNoFieldIsNoWrong(t *testing.T) {
	var w Wrongs
	require.NoError(t, w.Note(nil))
	for _, err := range []error{
		errors.New("other"), Errorf(NotFound, "no"), Errorf(Invalid, "no field"),
		Errorf(Invalid.Named("no_option"), "an error of a feature's own"),
	} {
		require.Equal(t, err, w.Note(err))
	}
	require.Empty(t, w)
	require.NoError(t, w.Note(fmt.Errorf("within: %w", Field("title", "is missing"))))
	require.Equal(t, Wrongs{{"title", "is missing"}}, w)
}

func TestAnErrorNamesAtMostSoManyFields(t *testing.T) {
	var w Wrongs
	for i := range MaxWrongs + 10 {
		require.Equal(t, i >= MaxWrongs, w.Full())
		w.Add(fmt.Sprint(i), "is wrong")
	}
	require.Len(t, w, MaxWrongs)
	require.Equal(t, fmt.Sprint(MaxWrongs-1), w[MaxWrongs-1].Field)
}
