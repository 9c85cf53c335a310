package backend

import (
	"context"

	"github.com/plenary-live/plenary/pkg/chat"
)

// memberSecret is the name under which the store keeps the key of chat members' tokens.
const memberSecret = "chat members"

// Members gives what makes and reads the tokens of chats' members, with the key that every replica
// shares, after Open. It waits as Open does.
func (b *Backend) Members(ctx context.Context) (members *chat.Members, err error) {
	err = b.await(ctx, "database", func() error {
		key, err := b.Store.Secret(ctx, memberSecret, chat.NewMemberKey())
		if err == nil {
			members, err = chat.NewMembers(key, b.cfg.MemberTTL)
		}
		return err
	})
	return members, err
}

// chatUpkeep gives what erases what deleted chats have left.
func (b *Backend) chatUpkeep() *chat.Upkeep { return chat.NewUpkeep(b.Chats, b.logger) }
