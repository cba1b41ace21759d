// Original file: proto/broker/v1/services.proto

import type { Service as _broker_v1_Service, Service__Output as _broker_v1_Service__Output } from '../../broker/v1/Service.ts';

export interface ListServicesResponse {
  'services'?: (_broker_v1_Service)[];
}

export interface ListServicesResponse__Output {
  'services': (_broker_v1_Service__Output)[];
}
