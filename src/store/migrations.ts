/**
 * The tables, as numbered steps that only go forward. A step that has been released is never edited; a change is a new step.
 * Times are milliseconds since the epoch.
 */
export interface Migration {
  readonly version: number
  readonly name: string
  readonly sql: string
}

export const MIGRATIONS: readonly Migration[] = [
  {
    version: 1,
    name: 'resources, audit, identity, usage',
    sql: `
create sequence resource_version_seq;

create table resources (
  kind text not null,
  namespace text not null,
  name text not null,
  uid text not null unique,
  generation bigint not null,
  resource_version bigint not null,
  labels jsonb,
  annotations jsonb,
  spec jsonb not null,
  status jsonb,
  created_at bigint not null,
  updated_at bigint not null,
  primary key (kind, namespace, name)
);

create table audit (
  id bigint generated always as identity primary key,
  time bigint not null,
  actor text not null,
  action text not null,
  kind text not null,
  namespace text not null,
  name text not null,
  diff jsonb not null
);
create index audit_resource on audit (kind, namespace, name, id);

create table tokens (
  hash text primary key,
  name text not null unique,
  role text not null check (role in ('admin', 'editor', 'viewer')),
  created_at bigint not null,
  expires_at bigint
);

create table sessions (
  hash text primary key,
  actor text not null,
  role text not null check (role in ('admin', 'editor', 'viewer')),
  created_at bigint not null,
  expires_at bigint not null
);

create table login_links (
  hash text primary key,
  role text not null check (role in ('admin', 'editor', 'viewer')),
  expires_at bigint not null
);

create table meta (
  key text primary key,
  value jsonb not null
);

create table usage_minutes (
  minute bigint not null,
  gateway text not null,
  namespace text not null,
  route text not null,
  version text not null,
  consumer text not null,
  outcome text not null,
  currency text not null,
  requests bigint not null,
  tokens_in bigint not null,
  tokens_cached bigint not null,
  tokens_out bigint not null,
  cost double precision not null,
  total_ms text not null,
  first_token_ms text not null,
  primary key (minute, gateway, namespace, route, version, consumer, outcome, currency)
);

create table record_marks (
  gateway text primary key,
  segment text not null,
  byte_offset bigint not null
);
`,
  },
  {
    version: 2,
    name: 'uses of keys',
    sql: `
create table key_uses (
  namespace text not null,
  name text not null,
  last_used bigint not null,
  primary key (namespace, name)
);
`,
  },
  {
    version: 3,
    name: 'whom a login link is for',
    sql: `alter table login_links add column actor text not null default 'console';`,
  },
  {
    version: 4,
    name: 'what readers of the records keep',
    sql: `
create table kept_folds (
  key text primary key,
  value text not null
);
`,
  },
  {
    version: 5,
    name: 'what autoscaling has decided',
    sql: `
create table scaling_decisions (
  id bigint generated always as identity,
  uid text not null,
  at bigint not null,
  from_count int not null,
  wanted int not null,
  asked double precision not null,
  policy text not null,
  reason text not null,
  inputs jsonb not null,
  ready int not null,
  starting int not null,
  primary key (uid, at)
);
create index scaling_decisions_at on scaling_decisions (at);

create table scaling_points (
  uid text not null,
  at bigint not null,
  concurrency double precision not null,
  arrivals double precision not null,
  queued double precision not null,
  wanted int not null,
  ready int not null,
  starting int not null,
  first_token_p95_ms double precision,
  misses double precision not null,
  primary key (uid, at)
);
create index scaling_points_at on scaling_points (at);
`,
  },
]

export const NEWEST = MIGRATIONS.at(-1)!.version
