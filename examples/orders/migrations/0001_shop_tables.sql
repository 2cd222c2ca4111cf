-- The shop's own tables, written by hand: `pgflowc db up` applies every migration of this directory in order.
create schema shop;

create table shop.products (
  sku   text primary key,
  name  text not null,
  price numeric(10, 2) not null check (price >= 0),
  stock int not null check (stock >= 0)
);

-- One row per order and product: reserving again finds the row and takes nothing more out of the stock.
create table shop.reservations (
  order_id int not null,
  sku      text not null references shop.products,
  quantity int not null check (quantity > 0),
  primary key (order_id, sku)
);

create table shop.orders (
  order_id     int primary key,
  email        text not null,
  channel      text not null,
  note         text,
  total        numeric(10, 2) not null,
  charge_id    text not null,
  mail_run_id  uuid not null, -- the run of job send_email that mails the receipt
  confirmed_at timestamptz not null default now()
);

-- What the payment provider's sandbox remembers, see shop/payments.py. A real provider keeps this on its side.
create table shop.gateway_requests (
  idempotency_key text primary key,
  amount          numeric(10, 2) not null,
  requests        int not null,
  charge_id       text
);

insert into shop.products (sku, name, price, stock) values
  ('kettle', 'Water kettle, 1.7 l', 39.90, 500),
  ('mug', 'Mug, stoneware', 9.50, 500),
  ('teapot', 'Teapot with strainer', 24.00, 500),
  ('assam', 'Assam tea, 250 g', 7.25, 500);
