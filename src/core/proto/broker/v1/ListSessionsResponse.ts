// Original file: proto/broker/v1/sessions.proto

import type { Session as _broker_v1_Session, Session__Output as _broker_v1_Session__Output } from '../../broker/v1/Session.ts';

export interface ListSessionsResponse {
  'sessions'?: (_broker_v1_Session)[];
}

export interface ListSessionsResponse__Output {
  'sessions': (_broker_v1_Session__Output)[];
}
