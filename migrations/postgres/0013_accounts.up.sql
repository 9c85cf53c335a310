-- People who registered. email is folded, and nobody else has it; password is Argon2id's hash in PHC form, or empty where there
-- is none; epoch ends every session of a lower one. issuer and subject say who an OpenID Connect provider says it is. verified: the
-- address was proven to be its person's, by a provider or by a link, since it was written.
CREATE TABLE accounts (
    id         uuid        PRIMARY KEY,
    email      text        NOT NULL CONSTRAINT accounts_email UNIQUE,
    username   text        NOT NULL,
    password   text        NOT NULL,
    epoch      bigint      NOT NULL,
    verified   boolean     NOT NULL,
    issuer     text,
    subject    text,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT accounts_subject UNIQUE (issuer, subject)
);

-- The one link of an account by which its password can be set anew: the SHA-256 of its token.
CREATE TABLE account_resets (
    account_id uuid        PRIMARY KEY REFERENCES accounts ON DELETE CASCADE,
    token_hash bytea       NOT NULL UNIQUE,
    expires_at timestamptz NOT NULL
);

-- Whose a presentation is, beside its token's holder. A link between features is an id, and no reference: who is gone owns nothing.
ALTER TABLE presentations ADD COLUMN account_id uuid;

CREATE INDEX presentations_account ON presentations (account_id, id) WHERE account_id IS NOT NULL;
