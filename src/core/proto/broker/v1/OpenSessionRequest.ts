// Original file: proto/broker/v1/sessions.proto

import type { Duration as _google_protobuf_Duration, Duration__Output as _google_protobuf_Duration__Output } from '../../google/protobuf/Duration.ts';
import type { ClientCheck as _broker_v1_ClientCheck, ClientCheck__Output as _broker_v1_ClientCheck__Output } from '../../broker/v1/ClientCheck.ts';
import type { Listen as _broker_v1_Listen, Listen__Output as _broker_v1_Listen__Output } from '../../broker/v1/Listen.ts';

export interface OpenSessionRequest {
  'service'?: (string);
  'acceptTimeout'?: (_google_protobuf_Duration | null);
  'connections'?: (number);
  'idleTimeout'?: (_google_protobuf_Duration | null);
  'lifetime'?: (_google_protobuf_Duration | null);
  'check'?: (_broker_v1_ClientCheck);
  'reason'?: (string);
  'listen'?: (_broker_v1_Listen);
  'port'?: (number);
  'tls'?: (boolean);
  'clientEnvironment'?: ({[key: string]: string});
  'kind'?: (string);
  '_connections'?: "connections";
}

export interface OpenSessionRequest__Output {
  'service': (string);
  'acceptTimeout': (_google_protobuf_Duration__Output | null);
  'connections'?: (number);
  'idleTimeout': (_google_protobuf_Duration__Output | null);
  'lifetime': (_google_protobuf_Duration__Output | null);
  'check': (_broker_v1_ClientCheck__Output);
  'reason': (string);
  'listen': (_broker_v1_Listen__Output);
  'port': (number);
  'tls': (boolean);
  'clientEnvironment': ({[key: string]: string});
  'kind': (string);
  '_connections'?: "connections";
}
